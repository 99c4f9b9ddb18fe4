import { getRouteApi } from "@tanstack/react-router";
import { AuditPage } from "@/features/audit/components/AuditPage";
import { UsersPage } from "@/features/users/components/UsersPage";

const audit = getRouteApi("/audit");

export function UsersRoute() {
  return <UsersPage />;
}

export function AuditRoute() {
  const search = audit.useSearch();
  const navigate = audit.useNavigate();
  return <AuditPage filter={search} onFilter={(next) => void navigate({ search: next, replace: true })} />;
}
