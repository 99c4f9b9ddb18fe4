import { queryOptions, useQuery } from "@tanstack/react-query";
import { db, read } from "@/lib/http";
import type { Agent, Pool } from "@/lib/schema";

export interface Places {
  pools: Pick<Pool, "id" | "name">[];
  agents: Pick<Agent, "id" | "name" | "pool_id">[];
}

/** placesQuery reads where a target can be: pools, and the agents of each. */
function placesQuery() {
  return queryOptions({
    queryKey: ["targets", "places"],
    queryFn: async ({ signal }): Promise<Places> => {
      const [pools, agents] = await Promise.all([
        read<Places["pools"]>(db.from("pools").select("id,name").order("name").limit(500).abortSignal(signal)),
        read<Places["agents"]>(db.from("agents").select("id,name,pool_id").eq("state", "active").order("name").limit(1000).abortSignal(signal)),
      ]);
      return { pools, agents };
    },
  });
}

export function usePlaces() {
  return useQuery(placesQuery());
}
