// What changes while it is looked at: lists, a log that is searched, downloads, and live updates that do not get through.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { FakeAgent } from "./agent.mjs";
import { launch, lookAt } from "./browser.mjs";
import { call, push, unique } from "./client.mjs";

let browser;
let agent;
before(async () => {
  browser = await launch();
  agent = await FakeAgent.enroll();
});
after(() => browser.close());

const look = (work, options) => lookAt(browser, work, options);

const record = (seq) => ({ seq, time: "2026-01-01T00:00:00Z", stream: seq % 100 === 0 ? "error" : "output", text: `line ${seq} of "it" \u001b[31mred` });

async function written(count) {
  const attempt = await agent.run();
  await attempt.append(count, record);
  await attempt.finish();
  return attempt;
}

describe("a log", () => {
  test("is searched by the server: hits, the next and the one before, only hits, and the address keeps it", async () => {
    const attempt = await written(2000);
    await look(async (page) => {
      const windows = [];
      page.on("request", (request) => request.url().includes("/api/job_run_logs") && windows.push(request.url()));
      await page.goto(`/runs/${attempt.run}`);
      await page.getByText('line 1 of "it"').waitFor();
      const find = page.getByRole("searchbox", { name: "Find in the log" });
      await find.fill('LINE 1500 of "');
      await page.getByText("1 of 1 hit", { exact: true }).waitFor();
      await page.getByRole("link", { name: "Line 1500", exact: true }).waitFor();
      await find.fill("line 15");
      await page.getByText(/^\d+ of 111 hits$/).waitFor();
      await find.press("Escape");
      await find.fill("line 2000");
      await page.getByText("1 of 1 hit", { exact: true }).waitFor();
      await find.press("Enter");
      await page.getByRole("checkbox", { name: "Only hits" }).check();
      await page.getByText("1 of 2,000 records").waitFor();
      await page.reload();
      await page.getByText("1 of 2,000 records").waitFor();
      await page.getByRole("link", { name: "Line 2000", exact: true }).click();
      await page.getByRole("region", { name: "Text of line 2000" }).waitFor();
      assert.match(page.url(), /line=2000/);
      assert.ok(windows.length < 12, "what is not looked at is not read");
    });
  });

  test("is downloaded from the server, with the token in no address", async () => {
    const attempt = await written(300);
    await look(async (page) => {
      const asked = [];
      page.on("request", (request) => asked.push(request.url()));
      await page.goto(`/runs/${attempt.run}`);
      const download = page.waitForEvent("download");
      await page.getByRole("button", { name: "Download" }).click();
      await page.getByRole("menuitem", { name: "Lines as text" }).click();
      const text = readFileSync(await (await download).path(), "utf8");
      assert.equal(text.split("\n")[1], 'line 2 of "it" \u241b[31mred');
      assert.equal(text.split("\n")[99], 'ERROR: line 100 of "it" \u241b[31mred');
      assert.equal(text.trimEnd().split("\n").length, 300);
      assert.ok(asked.some((url) => url.includes("/log?run=")));
      assert.ok(!asked.some((url) => url.includes("eyJ")), "no token in an address");
    });
  });
});

describe("lists", () => {
  test("hear of what changes", async () => {
    const attempt = await agent.run();
    await look(async (page) => {
      const stream = page.waitForResponse((response) => new URL(response.url()).pathname === "/events" && !response.url().includes("run="));
      await page.goto("/runs");
      const row = page.getByRole("table").getByRole("row").nth(1);
      await row.getByText("running").waitFor();
      assert.equal((await stream).status(), 200);
      await attempt.finish();
      await row.getByText("succeeded").first().waitFor();
      await page.goto("/scripts");
      const name = unique("heard");
      await page.getByRole("heading", { name: "Scripts", level: 1 }).waitFor();
      await push(name, "'x'");
      await page.getByRole("link", { name }).waitFor();
    });
  });

  test("are asked for where live updates are blocked, and the page says so", async () => {
    await look(async (page, context) => {
      await context.route("**/events*", (route) => route.abort());
      await page.goto("/scripts");
      await page.getByText("live updates are blocked: asking every 5 s").waitFor();
      const name = unique("polled");
      await push(name, "'x'");
      await page.getByRole("link", { name }).waitFor();
      const attempt = await agent.run();
      await page.goto(`/runs/${attempt.run}`);
      await page.getByText("live updates are blocked: asking every 2 s").waitFor();
      await attempt.append(10, record);
      await page.getByText('line 10 of "it"').waitFor();
      await context.unroute("**/events*");
      await page.getByText("● live").waitFor();
      await call("cancel_run", { run_id: attempt.run });
      await attempt.finish();
    });
  });

  test("are whole again after the server was away", async () => {
    await look(async (page, context) => {
      await page.goto("/scripts");
      await page.getByRole("heading", { name: "Scripts", level: 1 }).waitFor();
      await context.setOffline(true);
      // A stream that is open stays so; one that is taken up again, as when a tab is seen again, finds nobody.
      await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
      await page.getByText("The server does not answer").waitFor();
      const name = unique("missed");
      await push(name, "'x'");
      await context.setOffline(false);
      await page.getByText("The server does not answer").waitFor({ state: "detached" });
      await page.getByRole("link", { name }).waitFor();
    });
  });
});
