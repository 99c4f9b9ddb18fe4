// Every page by axe, WCAG 2.2 A and AA: light and dark, wide and narrow. And no page is wider than its screen.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { launch, newPage, settled, signIn } from "./browser.mjs";
import { ended, get, inspected, push, start, unique } from "./client.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

const everyControl = `<#
.PARAMETER Text
Help of the text.
#>
[CmdletBinding(SupportsShouldProcess, DefaultParameterSetName = 'A')]
param([Parameter(Mandatory)][string]$Text, [ValidateSet('One', 'Two')][string]$Choice, [int]$Number = 3, [ValidateRange(0, 1)][double]$Share, [switch]$Force, [bool]$Flag,
  [datetime]$At, [timespan]$Every, [string[]]$List, [hashtable]$Table, [scriptblock]$Code, [pscredential]$Credential, [securestring]$Secret, [ValidateSet('x', 'y')][string[]]$Some, [object]$Any, [DayOfWeek]$Day,
  [Parameter(ParameterSetName = 'A')][string]$OnlyA, [Parameter(ParameterSetName = 'B', Mandatory)][string]$OnlyB)`;

let browser;
let pages;
before(async () => {
  browser = await launch();
  const script = await push(unique("axe"), "Write-Output one; Write-Warning two; [pscustomobject]@{ A = 1 }; Write-Error three");
  await push(script.script_id ? (await get(`scripts?select=name&id=eq.${script.script_id}`))[0].name : "axe", "Write-Output changed");
  const run = await start(script);
  await ended(run);
  const form = await push(unique("axe-form"), everyControl);
  const broken = await push(unique("axe-broken"), "if ($x {");
  await Promise.all([form, broken].map(inspected));
  const [target] = await get("targets?select=id&limit=1");
  pages = ["/", "/scripts", `/scripts/${script.script_id}`, `/scripts/${script.script_id}?tab=versions`, `/scripts/${script.script_id}?tab=difference`, `/scripts/${script.script_id}/run`, `/scripts/${form.script_id}/run`, `/scripts/${form.script_id}?tab=inspection`, `/scripts/${broken.script_id}`, `/scripts/${broken.script_id}/run`, `/scripts/${form.script_id}/push`, "/scripts/new", "/runs", `/runs/${run}?line=1`, `/runs/${run}?tab=objects`, "/targets", `/targets/${target.id}`, "/agents", "/users", "/audit"];
});
after(() => browser.close());

const looks = [
  { name: "light, wide", options: { colorScheme: "light", viewport: { width: 1280, height: 800 } } },
  { name: "dark, wide", options: { colorScheme: "dark", viewport: { width: 1280, height: 800 } } },
  { name: "light, phone", options: { colorScheme: "light", viewport: { width: 390, height: 844 } } },
];

describe("accessibility", () => {
  for (const { name, options } of looks) {
    test(name, async () => {
      // The policy forbids injected script, axe too: this context looks past it.
      const { page, context } = await newPage(browser, { ...options, bypassCSP: true });
      await page.goto("/");
      await page.getByRole("button", { name: "Sign in" }).waitFor();
      const problems = await violations(page, "/sign-in");
      await signIn(page);
      for (const path of pages) {
        await page.goto(path);
        await page.locator("h1").waitFor();
        await settled(page);
        problems.push(...(await violations(page, path)));
        const width = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        if (width > 0) problems.push(`${path}: ${width} px wider than the screen`);
      }
      await context.close();
      assert.deepEqual(problems, []);
    });
  }
});

async function violations(page, path) {
  await page.evaluate(axe);
  const result = await page.evaluate((values) => window.axe.run(document, { runOnly: { type: "tag", values } }), tags);
  return result.violations.map((v) => `${path}: ${v.id}: ${v.nodes.map((n) => `${n.target.join(" ")} (${n.failureSummary?.split("\n")[1]?.trim()})`).slice(0, 3).join("; ")}`);
}
