// Calls to the server that prepare what a suite looks at.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { base, password, tenant, user } from "./browser.mjs";

let token;

async function signedIn() {
  token ??= (async () => {
    const response = await fetch(`${base}/auth/sign-in`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ user, password, ...(tenant ? { tenant } : {}), client: "cli" }) });
    if (!response.ok) throw new Error(`sign-in: ${response.status} ${await response.text()}`);
    return (await response.json()).access_token;
  })();
  return token;
}

async function send(path, init = {}) {
  const response = await fetch(`${base}/api/${path}`, { ...init, headers: { Authorization: `Bearer ${await signedIn()}`, "Content-Type": "application/json" } });
  const body = await response.json();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${JSON.stringify(body)}`);
  return body;
}

export const get = (path) => send(path);
export const call = (name, args) => send(`rpc/${name}`, { method: "POST", body: JSON.stringify(args) });

export const push = (name, source, more = {}) => call("push_script", { name, content: Buffer.from(source).toString("base64"), ...more });

export async function start(script, parameters = {}) {
  const [target] = await get("targets?select=id&disabled=is.false&order=created_at&limit=1");
  return (await call("queue_run", { script_id: script.script_id, target_ids: [target.id], parameters })).run_id;
}

/** gated starts a script that writes half of its ticks, waits until open is called, and writes the rest: the test says when. */
export async function gated(name, count) {
  const folder = mkdtempSync(path.join(tmpdir(), "epo-gate-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755); // scripts run under an account of their own
  const gate = path.join(folder, "open");
  const half = count / 2;
  const script = await push(unique(name), `param([string]$Gate)
1..${half} | % { Write-Host "tick $_" }
while (-not (Test-Path $Gate)) { Start-Sleep -Milliseconds 50 }
${half + 1}..${count} | % { Write-Host "tick $_"; Start-Sleep -Milliseconds 20 }`);
  return { run: await start(script, { Gate: gate }), open: () => writeFileSync(gate, "") };
}

/** ended waits until a run has ended and returns its state. */
export async function ended(run) {
  for (;;) {
    const [row] = await get(`job_runs?select=state&id=eq.${run}`);
    if (row.state !== "queued" && row.state !== "running") return row.state;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

/** inspected waits until an agent has read a version. */
export async function inspected(pushed) {
  for (;;) {
    const [row] = await get(`script_inspections?select=state&script_version_id=eq.${pushed.script_version_id}`);
    if (row && row.state !== "pending" && row.state !== "claimed") return row.state;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

/** unique makes a name that no earlier run of the suites took. */
export const unique = (name) => `${name}-${Date.now().toString(36)}`;

/** control asks the test that started the suites to do something to the stack. */
export async function control(path) {
  const address = process.env.EPO_CONTROL;
  if (!address) throw new Error("EPO_CONTROL is missing: this suite is started by `go test ./test/e2e -run TestConsole`");
  const response = await fetch(address + path, { method: "POST" });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
}
