import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call } from "@/lib/http";
import type { JsonObject, RunState } from "@/lib/schema";

export interface QueueRun {
  scriptId: string;
  targetIds: string[];
  parameters: JsonObject;
  timeoutSeconds?: number | undefined;
  /** Makes a repeated request the same run. */
  idempotencyKey: string;
}

export interface Queued {
  run_id: string;
  state: RunState;
  created: boolean;
}

export function queueRun(run: QueueRun): Promise<Queued> {
  return call<Queued>("queue_run", {
    script_id: run.scriptId,
    target_ids: run.targetIds,
    parameters: run.parameters,
    timeout_seconds: run.timeoutSeconds,
    idempotency_key: run.idempotencyKey,
  });
}

export function useQueueRun() {
  const client = useQueryClient();
  return useMutation({ mutationFn: queueRun, onSuccess: () => client.invalidateQueries({ queryKey: ["runs", "list"] }) });
}
