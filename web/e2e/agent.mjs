// An agent that runs nothing: it enrols, claims and appends as a true one does, so that suites decide what a log says, and when.
import crypto from "node:crypto";
import { base } from "./browser.mjs";
import { call, push, unique } from "./client.mjs";

const b64url = (value) => Buffer.from(value).toString("base64url");
const sha256 = (value) => crypto.createHash("sha256").update(value).digest("hex");

async function post(path, body, token) {
  const response = await fetch(base + path, { method: "POST", headers: { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) }, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}

function sign(claims, key) {
  const text = `${b64url('{"alg":"ES256","typ":"JWT"}')}.${b64url(JSON.stringify(claims))}`;
  return `${text}.${crypto.sign("sha256", text, { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

export class FakeAgent {
  /** enroll makes a pool and an agent in it. */
  static async enroll() {
    const agent = new FakeAgent();
    const name = unique("fake");
    agent.pool = (await call("create_pool", { name })).id;
    const { token } = await call("create_enrollment_token", { pool_id: agent.pool });
    const signing = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
    const encryption = crypto.generateKeyPairSync("rsa", { modulusLength: 3072 });
    const spki = (key) => key.publicKey.export({ type: "spki", format: "der" });
    const proof = sign({ token_sha256: sha256(token), name, signing_key_sha256: sha256(spki(signing)), encryption_key_sha256: sha256(spki(encryption)) }, signing.privateKey);
    const enrolled = await post("/auth/agent/enroll", {
      token,
      name,
      proof,
      signing_key: { alg: "ES256", spki: spki(signing).toString("base64") },
      encryption_key: { alg: "RSA-OAEP-256", spki: spki(encryption).toString("base64") },
      info: { hostname: "fake", os: "linux", arch: "amd64", version: "test" },
    });
    const now = Math.floor(Date.now() / 1000);
    const assertion = sign({ iss: enrolled.agent_id, sub: enrolled.agent_id, aud: "epo", jti: crypto.randomUUID(), iat: now, exp: now + 60 }, signing.privateKey);
    agent.token = (await post("/auth/agent/token", { assertion })).access_token;
    return agent;
  }

  rpc(name, args) {
    return post(`/api/rpc/${name}`, args, this.token);
  }

  /** run queues a run, claims it and starts it. */
  async run() {
    const script = await push(unique("fake"), "'nothing'");
    const target = (await call("create_target", { name: unique("fake"), kind: "local", pool_id: this.pool })).id;
    const { run_id } = await call("queue_run", { script_id: script.script_id, target_ids: [target] });
    const [work] = await this.rpc("claim_run_targets", { max_targets: 1 });
    const item = { attempt_id: work.attempt_id, fencing_token: work.fencing_token };
    await this.rpc("start_attempts", { items: [{ ...item, isolation: "none", engine_version: "7" }] });
    return new Attempt(this, run_id, item);
  }
}

class Attempt {
  next = 1;

  constructor(agent, runId, item) {
    this.agent = agent;
    this.run = runId;
    this.item = item;
  }

  /** append stores `count` records that `record(seq)` makes. */
  async append(count, record) {
    let chunk = "";
    for (let seq = this.next; seq < this.next + count; seq++) chunk += `${JSON.stringify(record(seq))}\n`;
    await this.agent.rpc("append_log", { ...this.item, first_seq: this.next, record_count: count, chunk });
    this.next += count;
  }

  renew() {
    return this.agent.rpc("renew_leases", { leases: [this.item], agent: {} });
  }

  finish() {
    return this.agent.rpc("finish_attempts", { results: [{ ...this.item, last_seq: this.next - 1, state: "succeeded", exit_code: 0, error: null }] });
  }
}
