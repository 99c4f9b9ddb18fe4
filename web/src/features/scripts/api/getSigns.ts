import { queryOptions, useQuery } from "@tanstack/react-query";
import { db, read } from "@/lib/http";
import { readFaults, type InspectionState } from "@/lib/inspection";

/** What a list says about a version: whether it waits for its inspection, and how many errors keep it from running. */
export interface Sign {
  state: InspectionState;
  /** Errors of the script itself, and those that depend on the machine that read it. */
  errors: number;
  warnings: number;
}

interface Row {
  script_version_id: string;
  state: InspectionState;
  errors: string | null;
}

/** signsQuery reads what the parser said about some versions, by their ids. What is in order has no row. */
export function signsQuery(versionIds: readonly string[]) {
  return queryOptions({
    queryKey: ["inspections", "signs", versionIds],
    queryFn: async ({ signal }): Promise<Record<string, Sign>> => {
      const rows = await read<Row[]>(db.from("script_inspections").select("script_version_id,state,errors::text").in("script_version_id", [...versionIds]).or("ok.is.false,state.in.(pending,claimed)").abortSignal(signal));
      return Object.fromEntries(rows.map((row) => [row.script_version_id, sign(row)]));
    },
    refetchInterval: (query) => (Object.values(query.state.data ?? {}).some((s) => s.state === "pending" || s.state === "claimed") ? 3_000 : false),
  });
}

function sign({ state, errors }: Row): Sign {
  const faults = readFaults(errors);
  return { state, errors: faults.filter((f) => !f.environment).length, warnings: faults.filter((f) => f.environment).length };
}

export function useSigns(versionIds: readonly string[]) {
  return useQuery({ ...signsQuery(versionIds), enabled: versionIds.length > 0 });
}
