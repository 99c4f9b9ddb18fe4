import { getRouteApi } from "@tanstack/react-router";
import { AgentsPage } from "@/features/agents/components/AgentsPage";
import { TargetsPage } from "@/features/targets/components/TargetsPage";

const targets = getRouteApi("/targets");

export function TargetsRoute() {
  const { q } = targets.useSearch();
  const navigate = targets.useNavigate();
  return <TargetsPage search={q ?? ""} onSearch={(next) => void navigate({ search: { q: next === "" ? undefined : next }, replace: true })} />;
}

export function AgentsRoute() {
  return <AgentsPage />;
}
