import { getRouteApi } from "@tanstack/react-router";
import { RunTable } from "@/features/runs/components/RunTable";
import { NewScriptPage, NewVersionPage } from "@/features/scripts/components/PushScriptPage";
import { ScriptListPage } from "@/features/scripts/components/ScriptListPage";
import { ScriptPage } from "@/features/scripts/components/ScriptPage";

const list = getRouteApi("/scripts");
const one = getRouteApi("/scripts/$scriptId");
const fresh = getRouteApi("/scripts/new");
const push = getRouteApi("/scripts/$scriptId/push");

export function ScriptsRoute() {
  const { q } = list.useSearch();
  const navigate = list.useNavigate();
  return <ScriptListPage search={q ?? ""} onSearch={(next) => void navigate({ search: { q: next === "" ? undefined : next }, replace: true })} />;
}

export function ScriptRoute() {
  const { scriptId } = one.useParams();
  const search = one.useSearch();
  const navigate = one.useNavigate();
  return (
    <ScriptPage
      key={scriptId}
      scriptId={scriptId}
      view={{ ...search, tab: search.tab ?? "source" }}
      onView={(view) => void navigate({ search: view, resetScroll: false })}
      runs={<RunTable filter={{ scriptId }} empty="It was not run yet" />}
    />
  );
}

export function NewScriptRoute() {
  const navigate = fresh.useNavigate();
  return <NewScriptPage onDone={(pushed) => void navigate({ to: "/scripts/$scriptId", params: { scriptId: pushed.script_id } })} />;
}

export function PushScriptRoute() {
  const { scriptId } = push.useParams();
  const navigate = push.useNavigate();
  return <NewVersionPage scriptId={scriptId} onDone={(pushed) => pushed.created && void navigate({ to: "/scripts/$scriptId", params: { scriptId } })} />;
}
