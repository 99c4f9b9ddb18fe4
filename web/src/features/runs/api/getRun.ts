import { queryOptions, useQuery } from "@tanstack/react-query";
import { db, read } from "@/lib/http";
import type { Run } from "@/lib/schema";

export function runQuery(id: string) {
  return queryOptions({
    queryKey: ["runs", "one", id],
    queryFn: ({ signal }) => read<Run>(db.from("job_runs").select("*").eq("id", id).abortSignal(signal).single()),
  });
}

export function useRun(id: string) {
  return useQuery(runQuery(id));
}
