import { queryOptions, useQuery } from "@tanstack/react-query";
import { db, read } from "@/lib/http";
import type { Script } from "@/lib/schema";

export function scriptQuery(id: string) {
  return queryOptions({
    queryKey: ["scripts", "one", id],
    queryFn: ({ signal }) => read<Script>(db.from("scripts").select("*").eq("id", id).abortSignal(signal).single()),
  });
}

export function useScript(id: string) {
  return useQuery(scriptQuery(id));
}
