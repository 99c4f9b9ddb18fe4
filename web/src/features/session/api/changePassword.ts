import { post } from "@/lib/http";

/** changePassword gives whoever is signed in another password. */
export function changePassword({ current, fresh }: { current: string; fresh: string }): Promise<void> {
  return post<void>("/auth/password", { current, new: fresh });
}
