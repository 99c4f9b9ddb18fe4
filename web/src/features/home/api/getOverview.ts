import { queryOptions, useQuery } from "@tanstack/react-query";
import { db, read } from "@/lib/http";
import { failedRunStates, openRunStates, type Agent, type Run } from "@/lib/schema";

const shown = 10;
// Hints tell of changes; this is the safety net, and keeps what says how long ago fresh.
const every = 15_000;
const day = 24 * 3600 * 1000;

/** openRunsQuery: what runs or waits now. */
function openRunsQuery() {
  return queryOptions({
    queryKey: ["runs", "home", "open"],
    queryFn: ({ signal }) => read<Run[]>(db.from("job_runs").select("*").in("state", [...openRunStates]).order("created_at", { ascending: false }).limit(shown).abortSignal(signal)),
    refetchInterval: every,
  });
}

/** failedRunsQuery: what did not succeed within the last day. */
function failedRunsQuery() {
  return queryOptions({
    queryKey: ["runs", "home", "failed"],
    queryFn: ({ signal }) =>
      read<Run[]>(
        db
          .from("job_runs")
          .select("*")
          .in("state", [...failedRunStates])
          .gte("created_at", new Date(Date.now() - day).toISOString())
          .order("created_at", { ascending: false })
          .limit(shown)
          .abortSignal(signal),
      ),
    refetchInterval: every,
  });
}

/** agentsQuery: all that are not revoked, those away first. */
function agentsQuery() {
  return queryOptions({
    queryKey: ["agents", "home"],
    queryFn: ({ signal }) => read<Agent[]>(db.from("agents").select("*").eq("state", "active").order("name").limit(500).abortSignal(signal)),
    refetchInterval: every,
  });
}

export const useOpenRuns = () => useQuery(openRunsQuery());
export const useFailedRuns = () => useQuery(failedRunsQuery());
export const useAgents = () => useQuery(agentsQuery());
