import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call } from "@/lib/http";

/** useSetRoles says what a user may do: these roles, and no others. */
export function useSetRoles(userId: string) {
  const client = useQueryClient();
  return useMutation({ mutationFn: (roles: string[]) => call<{ id: string; roles: string[] }>("set_user_roles", { user_id: userId, roles }), onSettled: () => client.invalidateQueries({ queryKey: ["users"] }) });
}
