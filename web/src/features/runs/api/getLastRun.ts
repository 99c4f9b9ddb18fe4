import { queryOptions, useQuery } from "@tanstack/react-query";
import type { ExactObject } from "@/lib/exactJson";
import { db, read } from "@/lib/http";
import { storedParameters } from "./parameterForm";

export interface EarlierRun {
  id: string;
  version: number;
  timeout: number | null;
  createdAt: string;
  parameters: ExactObject;
}

interface Row {
  id: string;
  script_version: number;
  timeout_seconds: number | null;
  created_at: string;
  parameters: string;
}

// As text: the browser's reader of JSON would take digits off long numbers.
const columns = "id,script_version,timeout_seconds,created_at,parameters::text";

const earlier = (row: Row): EarlierRun => ({ id: row.id, version: row.script_version, timeout: row.timeout_seconds, createdAt: row.created_at, parameters: storedParameters(row.parameters) });

/** lastRunQuery reads what a user gave a script the last time; null: never. */
function lastRunQuery(scriptId: string, userId: string) {
  return queryOptions({
    queryKey: ["runs", "last", scriptId, userId],
    queryFn: async ({ signal }): Promise<EarlierRun | null> => {
      const rows = await read<Row[]>(db.from("job_runs").select(columns).eq("script_id", scriptId).eq("requested_by", userId).order("created_at", { ascending: false }).limit(1).abortSignal(signal));
      return rows[0] ? earlier(rows[0]) : null;
    },
  });
}

export function useLastRun(scriptId: string, userId: string | undefined) {
  return useQuery({ ...lastRunQuery(scriptId, userId ?? ""), enabled: userId !== undefined });
}

/** earlierRunQuery reads one run whose parameters are taken over. */
function earlierRunQuery(id: string) {
  return queryOptions({
    queryKey: ["runs", "earlier", id],
    queryFn: async ({ signal }): Promise<EarlierRun> => earlier(await read<Row>(db.from("job_runs").select(columns).eq("id", id).abortSignal(signal).single())),
  });
}

export function useEarlierRun(id: string) {
  return useQuery(earlierRunQuery(id));
}
