import { queryOptions, useQuery } from "@tanstack/react-query";
import type { ExactObject } from "@/lib/exactJson";
import { db, read } from "@/lib/http";
import type { Run } from "@/lib/schema";
import { storedParameters } from "./parameterForm";

/** OneRun has its parameters with all the digits that were given. */
export interface OneRun extends Run {
  exactParameters: ExactObject;
}

interface Row extends Run {
  parameters_text: string;
}

const one = ({ parameters_text, ...run }: Row): OneRun => ({ ...run, exactParameters: storedParameters(parameters_text) });

export function runQuery(id: string) {
  return queryOptions({
    queryKey: ["runs", "one", id],
    queryFn: async ({ signal }) => one(await read<Row>(db.from("job_runs").select("*,parameters_text:parameters::text").eq("id", id).abortSignal(signal).single())),
  });
}

export function useRun(id: string) {
  return useQuery(runQuery(id));
}
