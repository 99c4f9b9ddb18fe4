/** Rows for tests: complete, with names that would do harm if they were not shown safely. */
import type { Agent, Attempt, AuditEntry, LogChunk, Run, RunTarget, Script, ScriptVersion, Target } from "@/lib/schema";
import type { User } from "@/lib/session";

export const harmful = 'a<img src=x onerror="alert(1)">\u202egnp\u0000';
/** How it has to look. */
export const harmless = 'a<img src=x onerror="alert(1)">\u27e8202E\u27e9gnp\u2400';

export const signedInUser: User = { id: "u1", name: "olga", display_name: "Olga", roles: ["operator"], tenant_id: "t1", tenant: "main" };

export const script: Script = { id: "s1", name: "hello", description: "Greets", latest_version: 2, latest_version_id: "v2", created_by: "u1", created_at: "2026-01-01T00:00:00Z", updated_at: "2026-01-02T00:00:00Z" };

export const version: ScriptVersion = { id: "v2", script_id: "s1", script_name: "hello", version: 2, sha256: "ab".repeat(32), size_bytes: 20, notes: null, created_by: "u1", created_by_name: "olga", created_at: "2026-01-02T00:00:00Z" };

export const target: Target = { id: "e1", name: "web-1", kind: "local", pool_id: "p1", pool_name: "default", agent_id: null, options: {}, disabled: false, created_at: "2026-01-01T00:00:00Z" };

export const agent: Agent = {
  id: "a1", name: "agent-1", pool_id: "p1", pool_name: "default", state: "active", version: "1.0", hostname: "vm", os: "linux", arch: "amd64",
  isolation: "account", engine_version: "7.6.9", warm: 2, capacity: 4, last_seen_at: "2026-01-02T00:00:00Z", online: true, created_at: "2026-01-01T00:00:00Z",
};

export const run: Run = {
  id: "r1", job_id: "j1", job_name: null, script_id: "s1", script_name: "hello", script_version_id: "v2", script_version: 2, script_sha256: "ab".repeat(32),
  timeout_seconds: null, parameters: { Name: "world" }, state: "running", trigger: "manual", requested_by: "u1", requested_by_name: "olga",
  created_at: "2026-01-02T00:00:00Z", started_at: "2026-01-02T00:00:01Z", finished_at: null, expires_at: null, cancel_requested_at: null,
  targets_total: 1, targets_pending: 0, targets_active: 1, targets_succeeded: 0, targets_failed: 0,
};

export const runTarget: RunTarget = {
  id: "rt1", run_id: "r1", target_id: "e1", target_name: "web-1", state: "running", exit_code: null, error: null, attempts: 1, agent_id: "a1",
  agent_name: "agent-1", claimed_at: "2026-01-02T00:00:00Z", started_at: "2026-01-02T00:00:01Z", finished_at: null, cancel_requested_at: null,
};

export const attempt: Attempt = {
  id: "at1", run_id: "r1", run_target_id: "rt1", number: 1, agent_id: "a1", agent_name: "agent-1", state: "running", exit_code: null, error: null,
  isolation: "account", engine_version: "7.6.9", claimed_at: "2026-01-02T00:00:00Z", started_at: "2026-01-02T00:00:01Z", finished_at: null, lease_expires_at: null, next_seq: 1,
};

export const auditEntry: AuditEntry = {
  id: 1, at: "2026-01-02T00:00:00Z", actor: "user:u1", request_id: "0199-request", action: "update", table_name: "epo.job_runs", row_key: { id: "r1" },
  before: { state: "queued", name: "same" }, after: { state: "running", name: "same" },
};

/** log makes one chunk of the records given, from a first number on. */
export function log(firstSeq: number, records: readonly { stream: string; text?: string; object?: unknown }[]): LogChunk & Record<string, unknown> {
  const lines = records.map((record, i) => JSON.stringify({ seq: firstSeq + i, time: "2026-01-02T00:00:02Z", ...record }));
  return { attempt_id: "at1", first_seq: firstSeq, last_seq: firstSeq + records.length - 1, chunk: `${lines.join("\n")}\n` };
}

/** parameter is one of a param() block as the inspection tells it; only what differs from a plain one is given. */
export function parameter(name: string, type: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  const array = type.endsWith("[]");
  const mandatory = more["mandatory"] === true;
  return {
    name,
    type: { name: type, resolved: resolved[type.replace("[]", "")] ? `${resolved[type.replace("[]", "")]}${array ? "[]" : ""}` : null, array },
    mandatory,
    position: null,
    aliases: [],
    switch: type === "switch",
    hidden: false,
    help: null,
    default: { kind: "none" },
    sets: [{ name: "__AllParameterSets", mandatory, position: null, pipeline: false, pipeline_by_name: false, remaining: false, help_message: null }],
    validation: [],
    allow: [],
    ...more,
  };
}

const resolved: Record<string, string> = {
  string: "System.String", int: "System.Int32", long: "System.Int64", uint64: "System.UInt64", double: "System.Double", decimal: "System.Decimal", bigint: "System.Numerics.BigInteger",
  byte: "System.Byte", bool: "System.Boolean", switch: "System.Management.Automation.SwitchParameter", datetime: "System.DateTime", datetimeoffset: "System.DateTimeOffset", timespan: "System.TimeSpan",
  guid: "System.Guid", char: "System.Char", hashtable: "System.Collections.Hashtable", object: "System.Object", scriptblock: "System.Management.Automation.ScriptBlock",
  securestring: "System.Security.SecureString", pscredential: "System.Management.Automation.PSCredential", "System.DayOfWeek": "System.DayOfWeek", xml: "System.Xml.XmlDocument", uri: "System.Uri",
};

/** inspection is a row of script_inspections about the version v2, with these parameters. */
export function inspection(parameters: readonly Record<string, unknown>[], more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    script_version_id: "v2", state: "done", engine_version: "7.6.9", engine_edition: "Core", agent_id: "a1", ok: true, not_inspected_reason: null, errors: [], parameters, help: null, requires: null,
    document: { parameters, cmdlet_binding: null, dynamic_param: false, commands: [] }, requested_at: "2026-01-02T00:00:00Z", finished_at: "2026-01-02T00:00:01Z", ...more,
  };
}
