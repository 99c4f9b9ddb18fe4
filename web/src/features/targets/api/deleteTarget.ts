import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call } from "@/lib/http";

/** useDeleteTarget removes a target that no run was ever about; the server refuses others with target_in_use. */
export function useDeleteTarget(targetId: string) {
  const client = useQueryClient();
  return useMutation({ mutationFn: () => call<{ id: string }>("delete_target", { target_id: targetId }), onSuccess: () => client.invalidateQueries({ queryKey: ["targets", "list"] }) });
}
