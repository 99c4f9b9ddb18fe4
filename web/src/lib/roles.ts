/** What a role may do. The database decides; this only keeps buttons away that would be refused. */
import { useSyncExternalStore } from "react";
import { session, type SessionState, type User } from "@/lib/session";

export type Right = "operate" | "administer" | "audit";

const holders: Record<Right, readonly string[]> = {
  operate: ["operator", "admin"],
  administer: ["admin"],
  audit: ["auditor", "admin"],
};

export function may(user: User | undefined, right: Right): boolean {
  return user !== undefined && user.roles.some((role) => holders[right].includes(role));
}

export function useSession(): SessionState {
  return useSyncExternalStore(session.subscribe, session.current);
}

export function useUser(): User | undefined {
  const state = useSession();
  return state.phase === "signed-in" || state.phase === "expired" ? state.user : undefined;
}

export function useMay(right: Right): boolean {
  return may(useUser(), right);
}
