import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call } from "@/lib/http";
import type { JsonObject } from "@/lib/schema";
import type { TargetKind } from "./targetOptions";

export interface CreateTarget {
  name: string;
  kind: TargetKind;
  poolId: string;
  agentId?: string | undefined;
  options: JsonObject;
}

export function createTarget({ name, kind, poolId, agentId, options }: CreateTarget): Promise<{ id: string }> {
  return call("create_target", { name, kind, pool_id: poolId, agent_id: agentId, options });
}

export function useCreateTarget() {
  const client = useQueryClient();
  return useMutation({ mutationFn: createTarget, onSuccess: () => client.invalidateQueries({ queryKey: ["targets"] }) });
}
