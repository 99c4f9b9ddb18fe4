import { queryOptions, useQuery } from "@tanstack/react-query";
import { db, read } from "@/lib/http";
import type { Attempt } from "@/lib/schema";

/** attemptsQuery lists the tries of one run target, the last first. `next_seq` tells how long the log is. */
export function attemptsQuery(runId: string, runTargetId: string) {
  return queryOptions({
    queryKey: ["runs", "attempts", runId, runTargetId],
    queryFn: ({ signal }) => read<Attempt[]>(db.from("attempts").select("*").eq("run_target_id", runTargetId).order("number", { ascending: false }).limit(100).abortSignal(signal)),
  });
}

export function useAttempts(runId: string, runTargetId: string) {
  return useQuery(attemptsQuery(runId, runTargetId));
}
