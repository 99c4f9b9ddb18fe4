import { queryOptions, useQuery } from "@tanstack/react-query";
import { db, read } from "@/lib/http";
import type { Pool } from "@/lib/schema";

export function poolsQuery() {
  return queryOptions({
    queryKey: ["pools"],
    queryFn: ({ signal }) => read<Pool[]>(db.from("pools").select("*").order("name").limit(500).abortSignal(signal)),
  });
}

export function usePools() {
  return useQuery(poolsQuery());
}
