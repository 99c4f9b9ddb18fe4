import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call } from "@/lib/http";

export interface CreateTarget {
  name: string;
  poolId: string;
  agentId?: string | undefined;
}

export function createTarget({ name, poolId, agentId }: CreateTarget): Promise<{ id: string }> {
  return call("create_target", { name, kind: "local", pool_id: poolId, agent_id: agentId });
}

export function useCreateTarget() {
  const client = useQueryClient();
  return useMutation({ mutationFn: createTarget, onSuccess: () => client.invalidateQueries({ queryKey: ["targets"] }) });
}
