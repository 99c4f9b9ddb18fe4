import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call } from "@/lib/http";
import type { RunState } from "@/lib/schema";

export function useCancelRun(runId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => call<{ run_id: string; state: RunState }>("cancel_run", { run_id: runId }),
    // Also after a refusal: somebody else may have ended it.
    onSettled: () => client.invalidateQueries({ queryKey: ["runs"] }),
  });
}
