import { queryOptions, useQuery } from "@tanstack/react-query";
import { db, read } from "@/lib/http";
import type { Script, Target } from "@/lib/schema";

/** startableScriptQuery reads the script that a run is to be started of. */
function startableScriptQuery(id: string) {
  return queryOptions({
    queryKey: ["runs", "startable", id],
    queryFn: ({ signal }) => read<Script>(db.from("scripts").select("*").eq("id", id).abortSignal(signal).single()),
  });
}

export function useStartableScript(id: string) {
  return useQuery(startableScriptQuery(id));
}

export type Choice = Pick<Target, "id" | "name" | "pool_name" | "disabled">;

/** targetChoicesQuery lists the targets a run can have. */
function targetChoicesQuery() {
  return queryOptions({
    queryKey: ["targets", "choices"],
    queryFn: ({ signal }) => read<Choice[]>(db.from("targets").select("id,name,pool_name,disabled").order("name").limit(1000).abortSignal(signal)),
  });
}

export function useTargetChoices() {
  return useQuery(targetChoicesQuery());
}
