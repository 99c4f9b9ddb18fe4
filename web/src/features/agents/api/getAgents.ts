import { queryOptions, useQuery } from "@tanstack/react-query";
import { db, read } from "@/lib/http";
import type { Agent } from "@/lib/schema";

export function agentsQuery() {
  return queryOptions({
    queryKey: ["agents", "list"],
    queryFn: ({ signal }) => read<Agent[]>(db.from("agents").select("*").order("state").order("name").limit(1000).abortSignal(signal)),
    refetchInterval: 10_000, // hints tell who comes and goes; when each was last seen they do not
  });
}

export function useAgents() {
  return useQuery(agentsQuery());
}
