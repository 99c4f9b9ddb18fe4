import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { db, read, call } from "@/lib/http";

export interface Check {
  name: string;
  state: "ok" | "warning" | "failed" | "skipped";
  detail: string;
  advice: string;
}

export interface ConnectionTest {
  id: string;
  state: "pending" | "claimed" | "done" | "failed" | "expired";
  ok: boolean | null;
  checks: Check[];
  cause: string | null;
  engine: string | null;
  requestedAt: string;
  finishedAt: string | null;
}

interface Row {
  id: string;
  state: ConnectionTest["state"];
  ok: boolean | null;
  result: { ok?: boolean; checks?: unknown; cause?: unknown; edition?: unknown; version?: unknown } | null;
  error: { code?: unknown; message?: unknown } | null;
  requested_at: string;
  finished_at: string | null;
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** readTest reads what an agent says defensively: what does not fit is left out. */
export function readTest(row: Row): ConnectionTest {
  const checks = Array.isArray(row.result?.checks) ? (row.result.checks as unknown[]) : [];
  const engine = [text(row.result?.version), text(row.result?.edition)].filter(Boolean).join(" ");
  return {
    id: row.id,
    state: row.state,
    ok: row.ok ?? row.result?.ok ?? null,
    checks: checks.filter((c): c is Record<string, unknown> => typeof c === "object" && c !== null).map((c) => ({ name: text(c["name"]), state: checkState(c["state"]), detail: text(c["detail"]), advice: text(c["advice"]) })),
    cause: text(row.result?.cause) || text(row.error?.message) || null,
    engine: engine || null,
    requestedAt: row.requested_at,
    finishedAt: row.finished_at,
  };
}

function checkState(value: unknown): Check["state"] {
  return value === "ok" || value === "warning" || value === "failed" ? value : "skipped";
}

export const going = (test: ConnectionTest | null | undefined): boolean => test?.state === "pending" || test?.state === "claimed";

/** connectionTestQuery reads the last test of a target's connection, and again while it goes on. */
function connectionTestQuery(targetId: string) {
  return queryOptions({
    queryKey: ["inspections", "target", targetId],
    queryFn: async ({ signal }): Promise<ConnectionTest | null> => {
      const rows = await read<Row[]>(db.from("target_inspections").select("*").eq("target_id", targetId).order("requested_at", { ascending: false }).limit(1).abortSignal(signal));
      return rows[0] ? readTest(rows[0]) : null;
    },
    refetchInterval: (query) => (going(query.state.data) ? 1_000 : false),
  });
}

export function useConnectionTest(targetId: string) {
  return useQuery(connectionTestQuery(targetId));
}

/** useTestConnection has an agent that serves the target try to reach it. */
export function useTestConnection(targetId: string) {
  const client = useQueryClient();
  return useMutation({ mutationFn: () => call<{ inspection_id: string }>("inspect_target", { target_id: targetId }), onSettled: () => client.invalidateQueries({ queryKey: ["inspections", "target", targetId] }) });
}
