import { queryOptions, useQuery } from "@tanstack/react-query";
import { db, read } from "@/lib/http";
import type { RunTarget } from "@/lib/schema";

/** As many targets of one run as are shown. */
export const runTargetLimit = 1000;

export function runTargetsQuery(runId: string) {
  return queryOptions({
    queryKey: ["runs", "targets", runId],
    queryFn: ({ signal }) => read<RunTarget[]>(db.from("job_run_targets").select("*").eq("run_id", runId).order("target_name").order("id").limit(runTargetLimit).abortSignal(signal)),
  });
}

export function useRunTargets(runId: string) {
  return useQuery(runTargetsQuery(runId));
}
