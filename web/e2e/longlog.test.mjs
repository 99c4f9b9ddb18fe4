// A log of 1,000,000 lines, made up between browser and server: what the page does with it, and how long it takes.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, newPage, signIn } from "./browser.mjs";
import { ended, push, start, unique } from "./client.mjs";

const total = 1_000_000;
const perChunk = 2_000;

let browser;
let run;
before(async () => {
  browser = await launch();
  run = await start(await push(unique("long"), "'one line'"));
  await ended(run);
});
after(() => browser.close());

const line = (seq) => `{"seq":${seq},"time":"2026-01-01T00:00:00Z","stream":"${seq % 1000 === 0 ? "error" : "output"}","text":"line ${seq} of a log that is long, with about as many words as lines have"}\n`;
const chunks = new Map();

/** chunk is made once: the server's own work is measured elsewhere. */
function chunk(first) {
  let text = chunks.get(first);
  if (!text) {
    text = "";
    for (let seq = first; seq < first + perChunk; seq++) text += line(seq);
    chunks.set(first, text);
  }
  return { first_seq: first, last_seq: first + perChunk - 1, chunk: text };
}

function window(url) {
  const from = Number(url.searchParams.get("last_seq").slice(4));
  const to = Number(url.searchParams.get("first_seq").slice(4));
  const rows = [];
  for (let first = Math.floor((from - 1) / perChunk) * perChunk + 1; first <= Math.min(to, total); first += perChunk) rows.push(chunk(first));
  return rows;
}

describe("a log of 1,000,000 lines", () => {
  test("first lines, the end, a search, and memory", async (t) => {
    const { page, context } = await newPage(browser);
    await signIn(page);
    await page.route("**/api/attempts?*", async (route) => {
      const response = await route.fetch();
      const rows = await response.json();
      await route.fulfill({ response, json: rows.map((row) => ({ ...row, next_seq: total + 1 })) });
    });
    await page.route("**/api/job_run_logs?*", (route) => route.fulfill({ json: window(new URL(route.request().url())) }));
    for (let first = 1; first < total; first += perChunk) chunk(first);

    const figures = {};
    const timed = async (name, work) => {
      const began = performance.now();
      await work();
      figures[name] = Math.round(performance.now() - began);
    };
    const lineOf = (seq) => page.getByRole("link", { name: `Line ${seq}`, exact: true });
    await timed("first lines, page load included, ms", async () => {
      await page.goto(`/runs/${run}`);
      await page.getByText("line 1 of a log").waitFor();
    });
    await timed("jump to the end, ms", async () => {
      await page.getByRole("button", { name: "To the end" }).click();
      await page.getByText(`line ${total} of a log`).waitFor();
    });
    await timed("scroll to the middle, ms", async () => {
      await page.getByRole("region", { name: "Log" }).evaluate((e) => (e.scrollTop = e.scrollHeight / 2));
      await page.getByText(/^line 50\d{4} of/).first().waitFor();
    });
    await timed("search of the whole log, ms", async () => {
      await page.getByRole("searchbox", { name: "Find in the log" }).fill("line 999999 of");
      await page.getByText("1 of 1,000,000 records").waitFor({ timeout: 120_000 });
      await lineOf(999_999).waitFor();
    });
    await timed("all errors, ms", async () => {
      await page.getByRole("searchbox", { name: "Find in the log" }).fill("");
      await page.getByRole("button", { name: "Errors" }).click();
      await page.getByText("1,000 of 1,000,000 records").waitFor({ timeout: 120_000 });
    });
    const cdp = await context.newCDPSession(page);
    await cdp.send("HeapProfiler.collectGarbage");
    const { usedSize } = await cdp.send("Runtime.getHeapUsage");
    figures["heap after all of it, MB"] = Math.round(usedSize / 1e6);
    t.diagnostic(JSON.stringify(figures, null, 1));
    assert.ok(figures["jump to the end, ms"] < 1000, "jump to the end");
    assert.ok(usedSize < 300e6, "heap");
    await context.close();
  });
});
