import { useInfiniteQuery } from "@tanstack/react-query";
import { db, read } from "@/lib/http";
import { contains, pages, pageSize } from "@/lib/paging";
import { openRunStates, type Run, type RunState } from "@/lib/schema";

export interface RunFilter {
  states?: readonly RunState[] | undefined;
  scriptId?: string | undefined;
  /** Part of the script's name. */
  script?: string | undefined;
  /** Sign-in name of who asked for the run. */
  by?: string | undefined;
  /** Times (ISO 8601) between which the run was asked for. */
  since?: string | undefined;
  until?: string | undefined;
}

/** runsQuery lists runs, the latest first. */
export function runsQuery(filter: RunFilter) {
  return pages(["runs", "list", filter], (offset, signal) => {
    let query = db.from("job_runs").select("*").order("created_at", { ascending: false }).order("id", { ascending: false });
    if (filter.states?.length) query = query.in("state", [...filter.states]);
    if (filter.scriptId) query = query.eq("script_id", filter.scriptId);
    if (filter.script) query = query.ilike("script_name", contains(filter.script));
    if (filter.by) query = query.eq("requested_by_name", filter.by);
    if (filter.since) query = query.gte("created_at", filter.since);
    if (filter.until) query = query.lte("created_at", filter.until);
    return read<Run[]>(query.range(offset, offset + pageSize - 1).abortSignal(signal));
  });
}

const live = 10_000;
const still = 30_000;

/** useRuns follows the list. Hints say when to look; the clock is the safety net. */
export function useRuns(filter: RunFilter) {
  return useInfiniteQuery({
    ...runsQuery(filter),
    refetchInterval: (query) => (query.state.data?.pages.flat().some((run) => openRunStates.includes(run.state)) ? live : still),
  });
}
