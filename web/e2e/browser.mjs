// What the browser suites share: a chromium, a page that reports every breach of the content security policy, and a sign-in.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

export const base = process.env.EPO_URL ?? "http://127.0.0.1:7070";
export const user = process.env.EPO_USER ?? "admin";
export const password = process.env.EPO_PASSWORD ?? "";
export const tenant = process.env.EPO_TENANT ?? "";

const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export function launch() {
  return chromium.launch({ executablePath: process.env.EPO_CHROMIUM ?? "/usr/bin/chromium", args: flags });
}

/** patience is how long a suite waits for what must happen; it is no measure of speed. */
const patience = 90_000;

/** newPage opens a page and collects what must never happen: script errors, breaches of the policy, requests to anywhere else. */
export async function newPage(browser, options = {}) {
  const context = await browser.newContext({ baseURL: base, viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(`script error: ${error.message}`));
  page.on("console", (message) => /Content Security Policy|TrustedHTML|TrustedScript/.test(message.text()) && faults.push(`policy: ${message.text()}`));
  page.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(base) && !url.startsWith("blob:")) faults.push(`request to ${url}`);
  });
  return { page, context, faults };
}

export async function signIn(page, name = user, secret = password, of = tenant) {
  await page.goto("/");
  await page.getByRole("textbox", { name: "User name" }).fill(name);
  await page.getByLabel("Password", { exact: false }).first().fill(secret);
  await page.getByRole("textbox", { name: "Tenant" }).fill(of);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
}

/** settled waits until a page shows its data. (The network is never idle: a page of live data holds a stream open.) */
export async function settled(page) {
  await page.locator("h1").first().waitFor();
  await page.waitForFunction(() => !document.querySelector('[role="status"][aria-label^="Loading"]'));
}

/** lookAt gives a signed-in page to a test, and fails it when something happened that must not. Who signs in is the administrator unless said. */
export async function lookAt(browser, work, { name = user, secret = password, of = tenant, ...options } = {}) {
  const { page, context, faults } = await newPage(browser, options);
  try {
    await signIn(page, name, secret, of);
    await work(page, context);
    assert.deepEqual(faults, []);
  } finally {
    await context.close();
  }
}
