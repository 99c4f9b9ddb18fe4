// The console against a real server, agent and PowerShell: what people do, and what must never happen.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, lookAt, newPage, password, user } from "./browser.mjs";
import { call, ended, gated, push, start, unique } from "./client.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const look = (work, options) => lookAt(browser, work, options);

const line = (page, number) => page.getByRole("link", { name: `Line ${number}`, exact: true });

describe("sign-in", () => {
  test("a wrong password is told, and leaves the name", async () => {
    const { page, context } = await newPage(browser);
    await page.goto("/runs");
    await page.getByRole("textbox", { name: "User name" }).fill(user);
    await page.locator("input[type=password]").fill("not the password");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("is wrong").waitFor();
    assert.equal(await page.getByRole("textbox", { name: "User name" }).inputValue(), user);
    await context.close();
  });

  test("two tabs share the session, and end it together", () =>
    look(async (page, context) => {
      const other = await context.newPage();
      await Promise.all([page.reload(), other.goto("/runs")]);
      await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
      await other.getByRole("heading", { name: "Runs", level: 1 }).waitFor();
      await other.getByRole("button", { name: /^User menu/ }).click();
      await other.getByRole("menuitem", { name: "Sign out" }).click();
      await page.getByRole("heading", { name: "Sign in to EPO" }).waitFor();
    }));

  test("no token lies where another script could read it", () =>
    look(async (page) => {
      const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href]));
      assert.doesNotMatch(stored, /eyJ|epor_/);
    }));
});

describe("from a script to its output", () => {
  test("without the command line", () =>
    look(async (page) => {
      const name = unique("by-browser");
      await page.getByRole("link", { name: "Scripts", exact: true }).click();
      await page.getByRole("link", { name: "New script" }).click();
      await page.getByRole("textbox", { name: "Name" }).fill(name);
      await page.getByRole("textbox", { name: "Source" }).click();
      await page.keyboard.type('param($Who)\nWrite-Output "hello $Who"');
      await page.getByRole("button", { name: "Store script" }).click();
      await page.getByRole("heading", { name, level: 1 }).waitFor();
      await page.getByRole("link", { name: "Run…" }).click();
      const target = page.getByRole("checkbox", { name: /^local/ });
      if (!(await target.isChecked())) await target.check();
      await page.getByRole("textbox", { name: "Who" }).fill("browser"); // the form appears when an agent has read the script
      await page.getByRole("button", { name: "Run", exact: true }).click();
      await page.getByText("hello browser").waitFor();
      await page.locator("h1").getByText("succeeded").waitFor();
    }));

  test("foreign text does no harm and keeps its colours", async () => {
    const script = await push(unique("harm"), `
"<img src=x onerror=alert(1)><script>alert(2)</script>"
"esc:\`e]52;c;ZXZpbA==\`a \`e[31mred\`e[0m bidi:\`u{202E}txt.exe nul:\`0"
'x' * 1MB`, { description: "<script>alert(3)</script>" });
    const run = await start(script);
    await ended(run);
    await look(async (page) => {
      await page.goto(`/runs/${run}`);
      const log = page.getByRole("region", { name: "Log" });
      await log.getByText("<img src=x onerror=alert(1)>").waitFor();
      const text = await log.innerText();
       
      assert.doesNotMatch(text, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
      assert.match(text, /⟨202E⟩/);
      assert.equal(await page.locator("main img").count(), 0);
      await log.getByRole("button", { name: /more characters/ }).waitFor();
      await page.goto(`/scripts/${script.script_id}`);
      await page.getByText("<script>alert(3)</script>").waitFor();
    });
  });

  test("a log is followed, and a run that somebody else cancels shows it", async () => {
    const { run } = await gated("slow", 20);
    await look(async (page) => {
      await page.goto(`/runs/${run}`);
      await page.getByText("● live").waitFor();
      await page.getByText("tick 10", { exact: true }).waitFor();
      await call("cancel_run", { run_id: run });
      await page.locator("h1").getByText("cancelled").waitFor();
    });
  });

  test("a lost connection is told, mended, and leaves no gap", async () => {
    const { run, open } = await gated("gap", 60);
    await look(async (page, context) => {
      await page.goto(`/runs/${run}`);
      await page.getByText("tick 30", { exact: true }).waitFor();
      await context.setOffline(true);
      open(); // what comes now is announced by a stream that is still open, and cannot be read
      await page.getByText("The server does not answer").waitFor();
      await ended(run);
      await context.setOffline(false);
      await page.getByText("The server does not answer").waitFor({ state: "detached" });
      await page.locator("h1").getByText("succeeded").waitFor();
      await page.getByText("60 of 120 records").waitFor();
    });
  });
});

describe("forms", () => {
  test("a session that ends in the middle loses nothing", async () => {
    const script = await push(unique("form"), "param($Text) $Text");
    await look(async (page, context) => {
      await page.goto(`/scripts/${script.script_id}/run`);
      await page.getByRole("textbox", { name: /^Text/ }).fill("typed before the end");
      await page.getByRole("checkbox", { name: /^local/ }).setChecked(true);
      await context.clearCookies();
      let refused = 0;
      await page.route("**/api/rpc/queue_run", (route) =>
        refused++ === 0 ? route.fulfill({ status: 401, contentType: "application/json", body: '{"code":"PGRST301","message":"expired"}' }) : route.fallback(),
      );
      await page.getByRole("button", { name: "Run", exact: true }).click();
      const dialog = page.getByRole("dialog", { name: "Your session has ended" });
      await dialog.locator("input[type=password]").fill(password);
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/runs\//);
      await page.getByRole("region", { name: "Log" }).getByText("typed before the end").waitFor();
    });
  });

  test("filters, tabs and lines stay with reload and back", () =>
    look(async (page) => {
      await page.goto("/runs");
      await page.getByRole("combobox", { name: "State" }).selectOption("succeeded");
      await page.getByRole("textbox", { name: "Script" }).fill("by-browser");
      await page.waitForURL(/script=by-browser/);
      await page.reload();
      assert.equal(await page.getByRole("combobox", { name: "State" }).inputValue(), "succeeded");
      await page.getByRole("table", { name: "Runs" }).getByRole("link").first().click();
      await page.getByRole("tab", { name: "Objects" }).click();
      await page.waitForURL(/tab=objects/);
      await page.reload();
      await page.getByRole("tab", { name: "Objects", selected: true }).waitFor();
      await page.goBack();
      await page.waitForURL(/\/runs\?state=succeeded&script=by-browser/);
    }));

  test("a line can be linked to", async () => {
    const run = await start(await push(unique("lines"), "1..3000 | % { Write-Host \"row $_\" }"));
    await ended(run);
    await look(async (page) => {
      await page.goto(`/runs/${run}?line=4000`);
      await line(page, 4000).waitFor();
      await page.getByRole("region", { name: "Text of line 4000" }).getByText("row 2000").waitFor();
    });
  });

  test("an id of somebody else, or of nobody, is not found", () =>
    look(async (page) => {
      await page.goto("/runs/01900000-0000-7000-8000-000000000000");
      await page.getByText("Not found").waitFor();
      await page.goto("/no/such/page");
      await page.getByText("There is no such page").waitFor();
    }));
});

describe("by keyboard", () => {
  test("the palette leads anywhere", () =>
    look(async (page) => {
      await page.keyboard.press("Control+k");
      await page.keyboard.type("audit"); // at once: the palette has the focus when the next key comes
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "Audit log", level: 1 }).waitFor();
    }));

  test("the first tab stop skips the navigation, and focus is seen", () =>
    look(async (page) => {
      await page.reload();
      await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
      await page.keyboard.press("Tab");
      const focus = await page.evaluate(() => ({ text: document.activeElement?.textContent, outline: getComputedStyle(document.activeElement).outlineStyle }));
      assert.equal(focus.text, "Skip to the page");
      assert.notEqual(focus.outline, "none");
    }));
});
