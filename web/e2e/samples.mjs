// Sample data for the pictures of the documentation, and the pictures.
import path from "node:path";
import { launch, newPage, settled, signIn } from "./browser.mjs";
import { ended, inspected, push, start } from "./client.mjs";

const report = `<#
.SYNOPSIS
Reports services that should run and do not.
.PARAMETER Name
Names or patterns of services.
#>
[CmdletBinding(SupportsShouldProcess)]
param(
  [Parameter(Mandatory)]
  [string[]]$Name,

  # How much to tell.
  [ValidateSet('Summary', 'Detail', 'Everything')]
  [string]$Level = 'Summary',

  # Days to look back.
  [ValidateRange(1, 90)]
  [int]$Days = 7,

  [datetime]$Since,
  [hashtable]$Labels = @{ team = 'infra' },
  [switch]$Restart
)
foreach ($n in $Name) {
  $i++
  Write-Progress -Activity 'Checking services' -Status $n -PercentComplete (100 * $i / $Name.Count)
  Write-Verbose "looking at $n"
  Start-Sleep -Milliseconds 800
  [pscustomobject]@{ Service = $n; State = ('Running', 'Stopped')[$i % 2]; Days = $Days }
  if ($i % 2) { Write-Warning "$n does not run" }
}
Write-Host 'Done.' -ForegroundColor Green
`;

const samples = [
  ["rotate-logs", "Removes log files older than the given days.", "param([int]$Days = 30)\n\"removed 12 files older than $Days days\""],
  ["disk-report", "Free space of every volume.", "Get-PSDrive -PSProvider FileSystem | Select-Object Name, @{ n = 'FreeGB'; e = { [int]($_.Free / 1GB) } }"],
  ["patch-window", "Fails where the window is closed.", "Write-Error 'the window is closed until Saturday'\nexit 3"],
  ["half-written", "Not finished yet.", "param([string]$Path)\nif (Test-Path $Path {\n  Get-Item $Path\n}"],
];

/** take fills the server with samples and returns the files of the pictures. */
export async function take(folder) {
  let broken;
  for (const [name, description, text] of samples) {
    const script = await push(name, text, { description });
    if (name === "half-written") broken = script;
    else await ended(await start(script));
  }
  await push("check-services", report.replace("'Everything'", "'All'"), { description: "Reports services that should run and do not." });
  const script = await push("check-services", report, { notes: "a third level" });
  await inspected(script);
  const parameters = { Name: ["spooler", "w32time", "dnscache", "winrm", "bits", "eventlog"], Level: "Detail", Labels: { team: "infra", tier: "1" } };
  await ended(await start(script, parameters));

  const browser = await launch();
  const files = [];
  const shot = async (page, name) => {
    const file = path.join(folder, `${name}.png`);
    await page.screenshot({ path: file });
    files.push(file);
  };
  try {
    const { page } = await newPage(browser, { viewport: { width: 1280, height: 800 }, colorScheme: "light" });
    await signIn(page);
    await page.goto(`/scripts/${script.script_id}/run`);
    await page.getByText("How much to tell.").first().waitFor();
    await shot(page, "run-form");
    const run = await start(script, parameters);
    await page.goto(`/runs/${run}`);
    await page.getByText("dnscache does not run").first().waitFor();
    await shot(page, "run");
    await ended(run);
    await page.goto("/");
    await page.getByText("patch-window").first().waitFor();
    await shot(page, "home");
    await page.goto(`/scripts/${script.script_id}?tab=difference`);
    await page.locator("h1").waitFor();
    await settled(page);
    await shot(page, "difference");
    await inspected(broken);
    await page.goto(`/scripts/${broken.script_id}`);
    await page.getByText(/Missing/).first().waitFor();
    await settled(page);
    await shot(page, "errors");
    await page.goto("/audit");
    await page.getByRole("heading", { name: "Audit log", level: 1 }).waitFor();
    await settled(page);
    await shot(page, "audit");
    const dark = await newPage(browser, { viewport: { width: 390, height: 844 }, colorScheme: "dark" });
    await signIn(dark.page);
    await dark.page.goto(`/runs/${run}`);
    await dark.page.locator("h1").getByText("succeeded").waitFor();
    await settled(dark.page);
    await shot(dark.page, "run-phone");
  } finally {
    await browser.close();
  }
  return files;
}
