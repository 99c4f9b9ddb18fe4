import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call } from "@/lib/http";

export function useRevokeAgent() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (agentId: string) => call<{ id: string; state: string }>("revoke_agent", { agent_id: agentId }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["agents"] }),
  });
}
