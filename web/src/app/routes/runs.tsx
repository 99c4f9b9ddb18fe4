import { getRouteApi, useRouter } from "@tanstack/react-router";
import { useCallback } from "react";
import { RunListPage } from "@/features/runs/components/RunListPage";
import { RunPage, type RunView } from "@/features/runs/components/RunPage";

const list = getRouteApi("/runs");
const one = getRouteApi("/runs/$runId");

export function RunsRoute() {
  const search = list.useSearch();
  const navigate = list.useNavigate();
  return <RunListPage search={search} onSearch={(next) => void navigate({ search: next, replace: true })} />;
}

export function RunRoute() {
  const { runId } = one.useParams();
  const view = one.useSearch();
  const navigate = one.useNavigate();
  const router = useRouter();
  const show = useCallback((next: RunView) => void navigate({ search: asSearch(next), replace: true, resetScroll: false }), [navigate]);
  const linkTo = useCallback((next: RunView) => router.buildLocation({ to: "/runs/$runId", params: { runId }, search: asSearch(next) }).href, [router, runId]);
  return <RunPage key={runId} runId={runId} view={view} onView={show} linkTo={linkTo} />;
}

function asSearch({ target, attempt, tab, streams, find, only, line }: RunView) {
  return { target, attempt, tab, streams: streams && [...streams], find, only: only || undefined, line };
}
