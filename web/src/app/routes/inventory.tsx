import { getRouteApi } from "@tanstack/react-router";
import { AgentsPage } from "@/features/agents/components/AgentsPage";
import { TargetPage } from "@/features/targets/components/TargetPage";
import { TargetsPage } from "@/features/targets/components/TargetsPage";

const targets = getRouteApi("/targets");
const target = getRouteApi("/targets/$targetId");

export function TargetsRoute() {
  const { q } = targets.useSearch();
  const navigate = targets.useNavigate();
  return <TargetsPage search={q ?? ""} onSearch={(next) => void navigate({ search: { q: next === "" ? undefined : next }, replace: true })} onMade={(id) => void navigate({ to: "/targets/$targetId", params: { targetId: id } })} />;
}

export function TargetRoute() {
  const { targetId } = target.useParams();
  const navigate = target.useNavigate();
  return <TargetPage key={targetId} targetId={targetId} onDeleted={() => void navigate({ to: "/targets" })} />;
}

export function AgentsRoute() {
  return <AgentsPage />;
}
