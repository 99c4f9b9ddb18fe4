import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call } from "@/lib/http";
import type { JsonObject } from "@/lib/schema";

/** What is left out stays as it is; options are all of them at once. */
export interface TargetChange {
  options?: JsonObject;
  disabled?: boolean;
}

export function useUpdateTarget(targetId: string) {
  const client = useQueryClient();
  return useMutation({ mutationFn: (change: TargetChange) => call<{ id: string }>("update_target", { target_id: targetId, ...change }), onSuccess: () => client.invalidateQueries({ queryKey: ["targets"] }) });
}
