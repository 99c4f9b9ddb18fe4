import { Link } from "@tanstack/react-router";
import { LoadMore } from "@/components/ui/LoadMore";
import { SafeText } from "@/components/ui/SafeText";
import { StateBadge } from "@/components/ui/StateBadge";
import { Empty, Failure, Loading } from "@/components/ui/States";
import { Table, type Column } from "@/components/ui/Table";
import { Took, When } from "@/components/ui/When";
import type { Run } from "@/lib/schema";
import { useRuns, type RunFilter } from "../api/getRuns";

const columns: readonly Column<Run>[] = [
  { title: "State", cell: (run) => <StateBadge state={run.state} /> },
  {
    title: "Run",
    cell: (run) => (
      <Link to="/runs/$runId" params={{ runId: run.id }}>
        <SafeText>{run.job_name ?? run.script_name}</SafeText>
      </Link>
    ),
  },
  { title: "Version", number: true, cell: (run) => run.script_version },
  { title: "Targets", cell: (run) => <TargetCount run={run} /> },
  { title: "By", cell: (run) => (run.requested_by_name ? <SafeText>{run.requested_by_name}</SafeText> : run.trigger) },
  { title: "Asked for", cell: (run) => <When at={run.created_at} relative /> },
  { title: "Took", number: true, cell: (run) => <Took from={run.started_at} to={run.finished_at} /> },
];

/** RunTable lists runs that match a filter, and follows their states. */
export function RunTable({ filter, empty }: { filter: RunFilter; empty: string }) {
  const query = useRuns(filter);
  if (query.data === undefined) return query.isError ? <Failure error={query.error} retry={() => void query.refetch()} /> : <Loading />;
  const runs = query.data.pages.flat();
  if (runs.length === 0) return <Empty title={empty} />;
  return (
    <>
      <Table label="Runs" columns={columns} rows={runs} rowKey={(run) => run.id} />
      <LoadMore query={query} />
    </>
  );
}

/** TargetCount tells how far a run is in numbers. */
export function TargetCount({ run }: { run: Run }) {
  const parts = [
    run.targets_succeeded > 0 && `${run.targets_succeeded} succeeded`,
    run.targets_failed > 0 && `${run.targets_failed} failed`,
    run.targets_active > 0 && `${run.targets_active} active`,
    run.targets_pending > 0 && `${run.targets_pending} waiting`,
  ].filter(Boolean);
  return <>{`${parts.join(", ")}${parts.length > 1 ? ` of ${run.targets_total}` : ""}`}</>;
}
