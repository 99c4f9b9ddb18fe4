// Forms against a real server, agent and PowerShell: what a script asks for, people, and targets.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, lookAt, newPage, signIn } from "./browser.mjs";
import { get, push, unique } from "./client.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const look = (work, options) => lookAt(browser, work, options);

const asked = `<#
.SYNOPSIS
Shows what it was given.
.PARAMETER Name
Whom to greet.
#>
[CmdletBinding(SupportsShouldProcess)]
param(
  [Parameter(Mandatory)][ValidateLength(2, 20)][Alias('n')][string]$Name,
  [ValidateRange(1, 600)][int]$Count = 30,
  [long]$Big,
  [ValidateSet('dev', 'prod')][string]$Stage = 'dev',
  [switch]$Force,
  [datetime]$When,
  [timespan]$Wait = '00:00:05',
  [string[]]$Hosts,
  [hashtable]$Tags,
  [DayOfWeek]$Day,
  [securestring]$Secret
)
foreach ($k in $PSBoundParameters.Keys | Sort-Object) {
  $v = $PSBoundParameters[$k]
  "$k [$($v.GetType().Name)] $(if ($v -is [hashtable]) { ($v.Keys | Sort-Object | % { "$_=$($v[$_]):$($v[$_].GetType().Name)" }) -join ' ' } elseif ($v -is [datetime]) { $v.ToUniversalTime().ToString('s') } else { $v -join '+' })"
}
`;

describe("the run form", () => {
  test("is made of the param() block, checks, and passes typed values on", () =>
    look(async (page) => {
      const script = await push(unique("asks"), asked);
      await page.goto(`/scripts/${script.script_id}/run`);
      await page.getByText("Whom to greet.").waitFor();
      const target = page.getByRole("checkbox", { name: /^local/ });
      if (!(await target.isChecked())) await target.check();
      const run = page.getByRole("button", { name: "Run", exact: true });
      await run.click();
      await page.getByText("This is needed.").waitFor();
      await page.waitForFunction(() => document.activeElement?.closest("[data-parameter]")?.dataset.parameter === "Name");
      await page.getByRole("textbox", { name: "Name" }).fill("Ada");
      await page.getByRole("textbox", { name: "Count" }).fill("601");
      await page.getByText("This must be from 1 to 600.").waitFor();
      await page.getByRole("textbox", { name: "Count" }).fill("600");
      await page.getByRole("textbox", { name: "Big" }).fill("9007199254740993");
      await page.getByRole("combobox", { name: "Stage" }).selectOption("prod");
      await page.getByRole("checkbox", { name: "Force" }).check();
      await page.getByLabel("When", { exact: true }).fill("2026-11-26T14:03:00");
      await page.getByRole("combobox", { name: "Clock of When" }).selectOption("Z");
      await page.getByRole("textbox", { name: "Wait" }).fill("90 s");
      await page.getByRole("button", { name: "Add a value to Hosts" }).click();
      await page.keyboard.type("web-1");
      await page.keyboard.press("Enter");
      await page.keyboard.type("web-2");
      await page.getByRole("button", { name: "Add a row to Tags" }).click();
      await page.getByRole("textbox", { name: "Tags, key 1" }).fill("size");
      await page.getByRole("textbox", { name: "Tags, value 1" }).fill("3");
      await page.getByRole("combobox", { name: "Tags, value 1 is meant as" }).selectOption("number");
      await page.getByRole("combobox", { name: "Day" }).selectOption({ label: "Friday" });
      await page.getByText("EPO takes none yet").waitFor();
      await run.click();
      await page.locator("h1").getByText("succeeded").waitFor();
      for (const line of ["Big [Int64] 9007199254740993", "Count [Int32] 600", "Day [DayOfWeek] Friday", "Force [SwitchParameter] True", "Hosts [String[]] web-1+web-2", "Name [String] Ada", "Stage [String] prod", "Tags [Hashtable] size=3:Int32", "Wait [TimeSpan] 00:01:30", "When [DateTime] 2026-11-26T14:03:00"])
        await page.getByText(line, { exact: true }).waitFor();
      // And the next time they are offered again, with all their digits.
      await page.goto(`/scripts/${script.script_id}/run`);
      await page.getByRole("button", { name: "Use these values" }).click();
      assert.equal(await page.getByRole("textbox", { name: "Big" }).inputValue(), "9007199254740993");
      await page.getByRole("radiogroup", { name: "How to give parameters" }).getByText("JSON").click();
      assert.match(await page.getByRole("textbox", { name: "Parameters" }).inputValue(), /"Big": 9007199254740993/);
    }));

  test("keeps a script with syntax errors from running, and leads to the line", () =>
    look(async (page) => {
      const name = unique("broken");
      const script = await push(name, "'one'\nif ($true) {\n'three'\n");
      await page.goto(`/scripts/${script.script_id}/run`);
      await page.getByText("This version has syntax errors and cannot run").waitFor();
      assert.equal(await page.getByRole("button", { name: "Run", exact: true }).isDisabled(), true);
      await page.getByRole("link", { name: /^Line 2, column/ }).click();
      await page.getByText(/1 syntax error: this version cannot run/).waitFor();
      await page.locator(".epo-bad").first().waitFor();
      await page.locator(".epo-line").waitFor();
      await page.goto(`/scripts?q=${name}`);
      await page.getByText("✕ 1 syntax error").waitFor();
      await page.goto(`/scripts/${script.script_id}?tab=inspection`);
      await page.getByText("The script has no parameters").waitFor();
    }));
});

describe("people", () => {
  test("are let in with a password that is shown once, choose their own, and are shut out", () =>
    look(async (page) => {
      const name = unique("ann");
      await page.goto("/users");
      await page.getByRole("button", { name: "New user" }).click();
      await page.getByRole("textbox", { name: "User name" }).fill(name);
      await page.getByRole("button", { name: "Create user" }).click();
      await page.getByText("Shown once: copy it now").waitFor();
      const secret = await page.locator("code").first().innerText();
      const other = await newPage(browser);
      await signIn(other.page, name, secret);
      await other.page.getByRole("button", { name: /^User menu/ }).click();
      await other.page.getByRole("menuitem", { name: "Change password…" }).click();
      const dialog = other.page.getByRole("dialog");
      await dialog.getByLabel("Present password").fill("not this");
      await dialog.getByLabel(/^New password( \*)?$/).fill("river stone lamp 42");
      await dialog.getByLabel(/^New password again/).fill("river stone lamp 42");
      await dialog.getByRole("button", { name: "Change password" }).click();
      await dialog.getByText("This is not your present password.").waitFor();
      await dialog.getByLabel("Present password").fill(secret);
      await dialog.getByRole("button", { name: "Change password" }).click();
      await dialog.getByText("The password is changed.").waitFor();
      await other.page.goto("/users");
      await other.page.getByRole("heading", { name: "Users and roles", level: 1 }).waitFor();
      assert.equal(await other.page.getByRole("button", { name: "New user" }).count(), 0);
      await other.context.close();
      await page.getByRole("button", { name: `Disable ${name}` }).click();
      await page.getByRole("button", { name: "Disable the user" }).click();
      await page.getByRole("button", { name: `Enable ${name}` }).waitFor();
      const admins = await get("users?select=name,roles&disabled=is.false");
      if (admins.filter((u) => u.roles.includes("admin")).length > 1) return;
      await page.getByRole("button", { name: "Disable admin" }).click();
      await page.getByRole("button", { name: "Disable the user" }).click();
      await page.getByText("This is the last administrator").waitFor();
    }));
});

describe("targets", () => {
  test("are made, tested step by step, and told where their secret belongs", () =>
    look(async (page) => {
      const name = unique("db");
      await page.goto("/targets");
      await page.getByRole("button", { name: "New target" }).click();
      await page.getByRole("textbox", { name: "Name", exact: true }).fill(name);
      await page.getByRole("radio", { name: "ssh" }).check();
      await page.getByRole("textbox", { name: "Address" }).fill("127.0.0.1");
      await page.getByRole("textbox", { name: "Port" }).fill("1");
      await page.getByRole("textbox", { name: "User" }).fill("nobody");
      await page.getByText("the server never has one").waitFor();
      await page.getByRole("button", { name: "Create target" }).click();
      await page.getByRole("heading", { name, level: 1 }).waitFor();
      await page.getByRole("button", { name: "Test connection" }).click();
      await page.getByRole("table", { name: "Steps of the test" }).waitFor();
      await page.getByText("It cannot be used yet").waitFor();
      await page.getByRole("button", { name: "Disable", exact: true }).click();
      await page.getByRole("button", { name: "Enable", exact: true }).waitFor();
      await page.getByRole("button", { name: "Delete…" }).click();
      await page.getByRole("button", { name: "Delete the target" }).click();
      await page.getByText("History names this target").waitFor();
    }));
});
