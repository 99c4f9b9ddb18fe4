/** The pages that the navigation and the command palette lead to. */
import type { Right } from "@/lib/roles";

interface PageLink {
  to: "/" | "/scripts" | "/runs" | "/targets" | "/agents" | "/users" | "/audit" | "/scripts/new";
  title: string;
  needs?: Right;
}

export const pages: readonly PageLink[] = [
  { to: "/", title: "Home" },
  { to: "/scripts", title: "Scripts" },
  { to: "/runs", title: "Runs" },
  { to: "/targets", title: "Targets" },
  { to: "/agents", title: "Agents" },
  { to: "/users", title: "Users and roles" },
  { to: "/audit", title: "Audit log", needs: "audit" },
];

export const actions: readonly PageLink[] = [{ to: "/scripts/new", title: "New script", needs: "operate" }];
