import { queryOptions, useQuery } from "@tanstack/react-query";
import { db, read } from "@/lib/http";
import type { ScriptVersion } from "@/lib/schema";

/** versionsQuery lists the versions of a script, the latest first. */
export function versionsQuery(scriptId: string) {
  return queryOptions({
    queryKey: ["scripts", "versions", scriptId],
    queryFn: ({ signal }) =>
      read<ScriptVersion[]>(db.from("script_versions").select("*").eq("script_id", scriptId).order("version", { ascending: false }).limit(200).abortSignal(signal)),
  });
}

export function useVersions(scriptId: string) {
  return useQuery(versionsQuery(scriptId));
}
