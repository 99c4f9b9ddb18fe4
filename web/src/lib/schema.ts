/** Rows of the views in the database schema `api`, as JSON brings them. Names are those of the columns; times are ISO 8601. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export type RunState = "queued" | "running" | "succeeded" | "partially_failed" | "failed" | "cancelled" | "timed_out" | "expired";
export type RunTargetState =
  | "pending"
  | "claimed"
  | "running"
  | "succeeded"
  | "failed"
  | "cancelled"
  | "timed_out"
  | "unknown"
  | "skipped"
  | "expired";

export const openRunStates: readonly RunState[] = ["queued", "running"];
export const failedRunStates: readonly RunState[] = ["failed", "partially_failed", "timed_out", "expired"];
export const runStates: readonly RunState[] = [
  "queued",
  "running",
  "succeeded",
  "partially_failed",
  "failed",
  "cancelled",
  "timed_out",
  "expired",
];

export interface ErrorInfo {
  code: string;
  message: string;
  error_id?: string;
  category?: string;
  exception?: string;
  target_name?: string;
  position?: string;
  script_name?: string;
  stack_trace?: string;
  parameter?: string;
  line?: number;
}

export interface Run {
  id: string;
  job_id: string;
  job_name: string | null;
  script_id: string;
  script_name: string;
  script_version_id: string;
  script_version: number;
  script_sha256: string;
  timeout_seconds: number | null;
  parameters: JsonObject;
  state: RunState;
  trigger: string;
  requested_by: string | null;
  requested_by_name: string | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  expires_at: string | null;
  cancel_requested_at: string | null;
  targets_total: number;
  targets_pending: number;
  targets_active: number;
  targets_succeeded: number;
  targets_failed: number;
}

export interface RunTarget {
  id: string;
  run_id: string;
  target_id: string;
  target_name: string;
  state: RunTargetState;
  exit_code: number | null;
  error: ErrorInfo | null;
  attempts: number;
  agent_id: string | null;
  agent_name: string | null;
  claimed_at: string | null;
  started_at: string | null;
  finished_at: string | null;
  cancel_requested_at: string | null;
}

export interface Attempt {
  id: string;
  run_id: string;
  run_target_id: string;
  number: number;
  agent_id: string;
  agent_name: string;
  state: string;
  exit_code: number | null;
  error: ErrorInfo | null;
  isolation: string | null;
  engine_version: string | null;
  claimed_at: string;
  started_at: string | null;
  finished_at: string | null;
  lease_expires_at: string | null;
  next_seq: number;
}

export interface LogChunk {
  first_seq: number;
  last_seq: number;
  chunk: string;
}

export interface Script {
  id: string;
  name: string;
  description: string | null;
  latest_version: number | null;
  latest_version_id: string | null;
  created_by: string | null;
  created_at: string;
  updated_at: string;
}

export interface ScriptVersion {
  id: string;
  script_id: string;
  script_name: string;
  version: number;
  sha256: string;
  size_bytes: number;
  notes: string | null;
  created_by: string | null;
  created_by_name: string | null;
  created_at: string;
}

export interface Target {
  id: string;
  name: string;
  kind: string;
  pool_id: string;
  pool_name: string;
  agent_id: string | null;
  options: JsonObject;
  disabled: boolean;
  created_at: string;
}

export interface Pool {
  id: string;
  name: string;
  description: string | null;
  created_at: string;
}

export interface Agent {
  id: string;
  name: string;
  pool_id: string;
  pool_name: string;
  state: "active" | "revoked";
  version: string | null;
  hostname: string | null;
  os: string | null;
  arch: string | null;
  isolation: string | null;
  engine_version: string | null;
  warm: number | null;
  capacity: number | null;
  last_seen_at: string | null;
  online: boolean;
  created_at: string;
}

export interface UserRow {
  id: string;
  name: string;
  display_name: string | null;
  disabled: boolean;
  roles: string[];
  created_at: string;
  last_sign_in_at: string | null;
}

export interface AuditEntry {
  id: number;
  at: string;
  actor: string | null;
  request_id: string | null;
  action: string;
  table_name: string | null;
  row_key: JsonObject | null;
  before: JsonObject | null;
  after: JsonObject | null;
}
