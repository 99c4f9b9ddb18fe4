/** The request for a version's inspection. It stands here because the pages of scripts and the run form both ask for it. */
import { queryOptions, useQuery } from "@tanstack/react-query";
import { db, read } from "./http";
import { readInspection, waiting, type Inspection, type InspectionRow } from "./inspection";

const columns = "script_version_id,state,engine_version,engine_edition,ok,not_inspected_reason,requested_at,finished_at,errors::text,parameters::text,help::text,requires::text,document::text";

const soon = 1_000;

/** inspectionQuery reads the latest inspection of a version; null: there is none. It asks again until there is a result. */
export function inspectionQuery(versionId: string) {
  return queryOptions({
    queryKey: ["inspections", "script", versionId],
    queryFn: async ({ signal }): Promise<Inspection | null> => {
      const rows = await read<InspectionRow[]>(db.from("script_inspections").select(columns).eq("script_version_id", versionId).order("requested_at", { ascending: false }).limit(1).abortSignal(signal));
      return rows[0] ? readInspection(rows[0]) : null;
    },
    refetchInterval: (query) => (waiting(query.state.data) ? soon : false),
  });
}

export function useInspection(versionId: string | null | undefined) {
  return useQuery({ ...inspectionQuery(versionId ?? ""), enabled: typeof versionId === "string" });
}
