import { useMutation, useQueryClient } from "@tanstack/react-query";
import { exact, stringifyExact, type ExactObject } from "@/lib/exactJson";
import { callText } from "@/lib/http";
import type { RunState } from "@/lib/schema";

export interface QueueRun {
  scriptId: string;
  /** The version that was looked at; the latest where there is none. */
  scriptVersionId: string | undefined;
  targetIds: string[];
  parameters: ExactObject;
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
  const rest = { script_id: run.scriptId, script_version_id: run.scriptVersionId, target_ids: run.targetIds, timeout_seconds: run.timeoutSeconds, idempotency_key: run.idempotencyKey };
  const body = exact(JSON.parse(JSON.stringify(rest)) as unknown) as ExactObject;
  // Written by hand, so that long numbers arrive with all their digits.
  return callText<Queued>("queue_run", stringifyExact(body.set("parameters", run.parameters)));
}

export function useQueueRun() {
  const client = useQueryClient();
  return useMutation({ mutationFn: queueRun, onSuccess: () => client.invalidateQueries({ queryKey: ["runs"] }) });
}
