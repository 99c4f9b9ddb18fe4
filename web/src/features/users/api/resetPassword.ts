import { useMutation } from "@tanstack/react-query";
import { post } from "@/lib/http";

/** useResetPassword gives a user a password that the server makes, and ends their sessions. */
export function useResetPassword(userId: string) {
  return useMutation({ mutationFn: () => post<{ password: string }>(`/auth/users/${encodeURIComponent(userId)}/password`, {}), gcTime: 0 });
}
