import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call } from "@/lib/http";

/** useDisableUser lets a user do nothing any more, or again. */
export function useDisableUser(userId: string) {
  const client = useQueryClient();
  return useMutation({ mutationFn: (disabled: boolean) => call<{ id: string; disabled: boolean }>("disable_user", { user_id: userId, disabled }), onSettled: () => client.invalidateQueries({ queryKey: ["users"] }) });
}
