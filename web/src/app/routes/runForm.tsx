import { getRouteApi } from "@tanstack/react-router";
import { RunFormPage } from "@/features/runs/components/RunFormPage";

const form = getRouteApi("/scripts/$scriptId/run");

export function RunFormRoute() {
  const { scriptId } = form.useParams();
  const { like } = form.useSearch();
  const navigate = form.useNavigate();
  return <RunFormPage key={scriptId} scriptId={scriptId} like={like} onQueued={(queued) => void navigate({ to: "/runs/$runId", params: { runId: queued.run_id } })} />;
}
