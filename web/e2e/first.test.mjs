// The first page: what it weighs and how long it takes until somebody can type. The weight is a rule, the time a figure.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, newPage, signIn } from "./browser.mjs";

const heaviest = 250_000; // bytes of script over the wire

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

/** visit opens a page with a cold cache and counts what comes. */
async function visit(page, context, path, ready) {
  const cdp = await context.newCDPSession(page);
  await cdp.send("Network.enable");
  const kinds = new Map();
  const bytes = { script: 0, all: 0 };
  cdp.on("Network.responseReceived", ({ requestId, response, type }) => kinds.set(requestId, { type, encoding: response.headers["content-encoding"] ?? response.headers["Content-Encoding"] }));
  cdp.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    bytes.all += encodedDataLength;
    if (kinds.get(requestId)) kinds.get(requestId).bytes = encodedDataLength;
    if (kinds.get(requestId)?.type === "Script") bytes.script += encodedDataLength;
  });
  const began = performance.now();
  await page.goto(path, { waitUntil: "commit" });
  await ready();
  const took = performance.now() - began;
  await page.waitForFunction(() => document.readyState === "complete");
  await cdp.detach();
  const plain = [...kinds.values()].filter(({ type, encoding, bytes }) => type === "Script" && !encoding && bytes > 2_000);
  assert.deepEqual(plain, [], "every script worth it is sent compressed");
  return { ...bytes, took: Math.round(took) };
}

describe("the first page", () => {
  test("is light, and soon ready", async (t) => {
    const { page, context, faults } = await newPage(browser);
    const name = page.getByRole("textbox", { name: "User name" });
    const signInPage = await visit(page, context, "/", async () => {
      await name.fill("somebody");
    });
    t.diagnostic(`sign-in page: ${signInPage.script} bytes of script, ${signInPage.all} in all, typed into after ${signInPage.took} ms`);
    assert.ok(signInPage.script <= heaviest, `${signInPage.script} bytes of script`);
    await signIn(page);
    const home = await visit(page, context, "/", () => page.getByRole("heading", { name: "Agents away" }).waitFor());
    t.diagnostic(`home, assets cached: ${home.script} bytes of script, shown after ${home.took} ms`);
    assert.deepEqual(faults, []);
    await context.close();
  });
});
