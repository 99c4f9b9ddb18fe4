// What goes wrong around the console: restarts, agents that are away, other tenants, roles that do not reach. The stack's own
// test (test/e2e/browser_test.go) starts this suite: it alone can stop and start things.
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { launch, lookAt, settled, tenant, user } from "./browser.mjs";
import { call, control, ended, push, start, unique } from "./client.mjs";

const secrets = { oscar: process.env.EPO_PASSWORD_OSCAR, anna: process.env.EPO_PASSWORD_ANNA, olga: process.env.EPO_PASSWORD_OLGA };

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const look = (work, options) => lookAt(browser, work, options);

/** gated starts a script that writes half of its ticks, waits until open is called, and writes the rest. */
async function gated(name, count) {
  const gate = path.join(mkdtempSync(path.join(tmpdir(), "epo-gate-")), "open");
  chmodSync(path.dirname(gate), 0o755); // scripts run under an account of their own
  const half = count / 2;
  const script = await push(unique(name), `param([string]$Gate)
1..${half} | % { Write-Host "tick $_" }
while (-not (Test-Path $Gate)) { Start-Sleep -Milliseconds 50 }
${half + 1}..${count} | % { Write-Host "tick $_"; Start-Sleep -Milliseconds 20 }`);
  return { run: await start(script, { Gate: gate }), open: () => writeFileSync(gate, "") };
}

/** whole asserts that the log shows each tick exactly once; it scrolls, since only rows in view exist. */
async function whole(page, count) {
  const log = page.getByRole("region", { name: "Log", exact: true });
  const ticks = new Map();
  for (let top = 0; ; ) {
    await log.evaluate((e, to) => (e.scrollTop = to), top);
    const rows = await page.waitForFunction(() => {
      const links = [...document.querySelectorAll('a[aria-label^="Line "]')];
      const texts = links.map((a) => [a.textContent, a.parentElement.textContent]);
      return texts.length > 0 && texts.every(([seq, text]) => text !== `${seq}…`) && texts;
    });
    for (const [seq, text] of await rows.jsonValue()) ticks.set(Number(seq), /tick (\d+)$/.exec(text)?.[1]);
    const { next, end } = await log.evaluate((e) => ({ next: e.scrollTop + e.clientHeight / 2, end: e.scrollTop + e.clientHeight >= e.scrollHeight - 1 }));
    if (end) break;
    top = next;
  }
  const seen = [...ticks].sort(([a], [b]) => a - b).map(([, tick]) => tick).filter(Boolean);
  assert.deepEqual(seen, Array.from({ length: count }, (_, i) => String(i + 1)));
}

describe("the server", () => {
  test("is restarted while a log is followed: nothing missing, nothing twice", async () => {
    const { run, open } = await gated("restart", 100);
    await look(async (page) => {
      await page.goto(`/runs/${run}`);
      await page.getByText("tick 50", { exact: true }).waitFor();
      await control("/server/restart");
      open();
      await page.locator("h1").getByText("succeeded").waitFor();
      await whole(page, 100);
    });
  });

  test("lets no events through: the log is followed by asking", async () => {
    const { run, open } = await gated("blocked", 60);
    await look(async (page) => {
      await page.route(/\/events(\?|$)/, (route) => route.abort());
      await page.goto(`/runs/${run}`);
      await page.getByText("live updates are blocked").waitFor();
      await page.getByText("tick 30", { exact: true }).waitFor();
      open();
      await page.locator("h1").getByText("succeeded").waitFor();
      await whole(page, 60);
    });
  });
});

describe("no agent", () => {
  test("a run waits and says for what, and goes on by itself", async () => {
    await control("/agent/stop");
    const run = await start(await push(unique("waits"), "'it came back'"));
    await look(async (page) => {
      await page.goto(`/runs/${run}`);
      await page.getByText("Waiting for an agent").waitFor();
      await control("/agent/start");
      await page.getByRole("region", { name: "Log" }).getByText("it came back").first().waitFor();
      await page.locator("h1").getByText("succeeded").waitFor();
    });
  });
});

describe("another tenant", () => {
  test("sees of our addresses what it sees of nobody's", async () => {
    const script = await push(unique("ours"), "'ours'");
    const run = await start(script);
    await ended(run);
    await look(
      async (page) => {
        for (const [ours, nobodys] of [
          [`/runs/${run}`, "/runs/01900000-0000-7000-8000-000000000000"],
          [`/scripts/${script.script_id}`, "/scripts/01900000-0000-7000-8000-000000000000"],
          [`/scripts/${script.script_id}/run`, "/scripts/01900000-0000-7000-8000-000000000000/run"],
        ]) {
          const texts = [];
          for (const address of [ours, nobodys]) {
            await page.goto(address);
            await page.getByText("Not found").waitFor();
            texts.push(await page.locator("main").innerText());
          }
          assert.equal(texts[0], texts[1], ours);
        }
        await page.goto("/runs");
        await page.getByRole("heading", { name: "Runs", level: 1 }).waitFor();
        await settled(page);
        assert.doesNotMatch(await page.locator("main").innerText(), /ours/);
      },
      { name: "olga", secret: secrets.olga, of: "acme" },
    );
  });
});

describe("a role without the right", () => {
  test("an auditor sees everything and can start nothing", async () => {
    const script = await push(unique("looked-at"), "'x'");
    await look(
      async (page) => {
        await page.goto(`/scripts/${script.script_id}`);
        await page.locator("h1").waitFor();
        assert.equal(await page.getByRole("link", { name: "Run…" }).count(), 0);
        await page.goto("/scripts");
        await page.getByRole("heading", { name: "Scripts", level: 1 }).waitFor();
        assert.equal(await page.getByRole("link", { name: "New script" }).count(), 0);
        for (const address of ["/scripts/new", `/scripts/${script.script_id}/run`]) {
          await page.goto(address);
          await page.getByText("Not allowed").waitFor();
        }
        await page.goto("/audit");
        await page.getByRole("heading", { name: "Audit log", level: 1 }).waitFor();
      },
      { name: "anna", secret: secrets.anna },
    );
  });

  test("an operator runs scripts and administers nobody", () =>
    look(
      async (page) => {
        await page.goto("/scripts");
        await page.getByRole("link", { name: "New script" }).waitFor();
        await page.goto("/users");
        await page.locator("h1").waitFor();
        await settled(page);
        assert.equal(await page.getByRole("button", { name: /New user|Create user/ }).count(), 0);
      },
      { name: "oscar", secret: secrets.oscar },
    ));
});

describe("a script with errors", () => {
  test("is stored, shows where, and cannot be run", async () => {
    const script = await push(unique("broken"), "'fine'\nif ($x {\n  'never'\n}");
    await look(async (page) => {
      await page.goto(`/scripts/${script.script_id}`);
      await page.getByText(/Missing.*'\)'/).first().waitFor();
      await page.goto(`/scripts/${script.script_id}/run`);
      await page.getByText(/Missing.*'\)'/).first().waitFor();
      assert.ok(await page.getByRole("button", { name: "Run", exact: true }).isDisabled());
      await assert.rejects(start(script), /script_invalid/);
    });
  });
});

describe("somebody else", () => {
  test("cancels a run that is looked at", async () => {
    const run = await start(await push(unique("cancelled"), "'go'; Start-Sleep 600"));
    await look(async (page) => {
      await page.goto(`/runs/${run}`);
      await page.getByText("go", { exact: true }).first().waitFor();
      await call("cancel_run", { run_id: run });
      await page.locator("h1").getByText("cancelled").waitFor();
    });
  });
});
