// What goes wrong around the console: restarts, agents that are away, other tenants, roles that do not reach. The stack's own
// test (test/e2e/browser_test.go) starts this suite: it alone can stop and start things.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, lookAt, settled, tenant, user } from "./browser.mjs";
import { call, control, ended, gated, push, start, unique } from "./client.mjs";

const secrets = { oscar: process.env.EPO_PASSWORD_OSCAR, anna: process.env.EPO_PASSWORD_ANNA, olga: process.env.EPO_PASSWORD_OLGA };

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const look = (work, options) => lookAt(browser, work, options);

/** whole asserts that the log shows each tick exactly once, and nothing else; it scrolls, since only rows in view exist. */
async function whole(page, count) {
  await page.getByText(`${count} of ${2 * count} records`).waitFor(); // Write-Host gives one for the host, which is shown, and one of information
  const log = page.getByRole("region", { name: "Log", exact: true });
  const ticks = new Map();
  for (let top = 0; ; ) {
    await log.evaluate((e, to) => (e.scrollTop = to), top);
    // The rows follow the scrolling a moment later: wait for those that belong where the log now stands.
    const view = await page.waitForFunction((e) => {
      const [frame, list] = [e, e.firstElementChild].map((part) => part.getBoundingClientRect());
      const rows = [...e.querySelectorAll('a[aria-label^="Line "]')].map((a) => ({ seq: a.textContent, text: a.parentElement.textContent, at: a.getBoundingClientRect() }));
      const end = e.scrollTop + e.clientHeight >= e.scrollHeight - 1;
      const covered = rows.length > 0 && rows[0].at.top <= Math.max(frame.top, list.top) + 9 && rows.at(-1).at.bottom >= Math.min(frame.bottom, list.bottom) - 9; // less than a row
      if (!covered || rows.some(({ seq, text }) => text === `${seq}…`)) return false;
      return { rows: rows.map(({ seq, text }) => [seq, text]), end, next: e.scrollTop + e.clientHeight / 2 };
    }, await log.elementHandle());
    const { rows, end, next } = await view.jsonValue();
    for (const [seq, text] of rows) ticks.set(Number(seq), /tick (\d+)$/.exec(text)?.[1]);
    if (end) break;
    top = next;
  }
  const seen = [...ticks].sort(([a], [b]) => a - b).map(([, tick]) => tick);
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
