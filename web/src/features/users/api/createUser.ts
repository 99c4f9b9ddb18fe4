import { useMutation, useQueryClient } from "@tanstack/react-query";
import { post } from "@/lib/http";

export interface NewUser {
  name: string;
  display_name: string;
  roles: string[];
}

export interface CreatedUser {
  id: string;
  name: string;
  /** Shown once: the server keeps its hash. */
  password: string;
}

export function useCreateUser() {
  const client = useQueryClient();
  return useMutation({ mutationFn: (user: NewUser) => post<CreatedUser>("/auth/users", user), onSuccess: () => client.invalidateQueries({ queryKey: ["users"] }), gcTime: 0 });
}
