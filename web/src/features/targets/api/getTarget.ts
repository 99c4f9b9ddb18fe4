import { queryOptions, useQuery } from "@tanstack/react-query";
import { db, read } from "@/lib/http";
import type { Target } from "@/lib/schema";

function targetQuery(id: string) {
  return queryOptions({
    queryKey: ["targets", "one", id],
    queryFn: ({ signal }) => read<Target>(db.from("targets").select("*").eq("id", id).abortSignal(signal).single()),
  });
}

export function useTarget(id: string) {
  return useQuery(targetQuery(id));
}
