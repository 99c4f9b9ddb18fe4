import { Link } from "@tanstack/react-router";
import type { UseQueryResult } from "@tanstack/react-query";
import { ButtonLink } from "@/components/ui/ButtonLink";
import { Data } from "@/components/ui/Data";
import { Page, Panel } from "@/components/ui/Page";
import { SafeText } from "@/components/ui/SafeText";
import { StateBadge } from "@/components/ui/StateBadge";
import { Empty } from "@/components/ui/States";
import { Table, type Column } from "@/components/ui/Table";
import { Took, When } from "@/components/ui/When";
import { useMay } from "@/lib/roles";
import type { Agent, Run } from "@/lib/schema";
import { useAgents, useFailedRuns, useOpenRuns } from "../api/getOverview";

const runLink: Column<Run> = {
  title: "Run",
  cell: (run) => (
    <Link to="/runs/$runId" params={{ runId: run.id }}>
      <SafeText>{run.job_name ?? run.script_name}</SafeText>
    </Link>
  ),
};
const state: Column<Run> = { title: "State", cell: (run) => <StateBadge state={run.state} /> };

const openColumns: readonly Column<Run>[] = [
  state,
  runLink,
  { title: "Targets", number: true, cell: (run) => `${run.targets_succeeded + run.targets_failed} of ${run.targets_total} done` },
  { title: "By", cell: (run) => (run.requested_by_name ? <SafeText>{run.requested_by_name}</SafeText> : run.trigger) },
  { title: "Since", number: true, cell: (run) => <Took from={run.started_at ?? run.created_at} to={null} /> },
];
const failedColumns: readonly Column<Run>[] = [
  state,
  runLink,
  { title: "Failed targets", number: true, cell: (run) => `${run.targets_failed} of ${run.targets_total}` },
  { title: "Ended", cell: (run) => <When at={run.finished_at} relative /> },
];
const awayColumns: readonly Column<Agent>[] = [
  { title: "Agent", cell: (agent) => <SafeText>{agent.name}</SafeText> },
  { title: "Pool", cell: (agent) => <SafeText>{agent.pool_name}</SafeText> },
  { title: "Last seen", cell: (agent) => (agent.last_seen_at ? <When at={agent.last_seen_at} relative /> : "never") },
];

/** HomePage answers three questions: what runs now, what failed lately, which agents are away. */
export function HomePage() {
  const operate = useMay("operate");
  const open = useOpenRuns();
  const failed = useFailedRuns();
  const agents = useAgents();
  return (
    <Page title="Home" actions={operate && <ButtonLink to="/scripts">Run a script</ButtonLink>}>
      <Panel title="Running now" side={<Link to="/runs" search={{ state: "open" }}>All that run</Link>}>
        <RunRows label="Running now" query={open} columns={openColumns} empty={<Nothing operate={operate} />} />
      </Panel>
      <Panel title="Failed in the last day" side={<Link to="/runs" search={{ state: "failing" }}>All that failed</Link>}>
        <RunRows label="Failed in the last day" query={failed} columns={failedColumns} empty={<Empty title="Nothing failed" />} />
      </Panel>
      <Panel title="Agents away" side={<Link to="/agents">All agents</Link>}>
        <Data query={agents}>{(all) => <Away agents={all} />}</Data>
      </Panel>
    </Page>
  );
}

function RunRows({ label, query, columns, empty }: { label: string; query: UseQueryResult<Run[]>; columns: readonly Column<Run>[]; empty: React.ReactNode }) {
  return (
    <Data query={query} empty={(runs) => runs.length === 0 && empty}>
      {(runs) => <Table label={label} columns={columns} rows={runs} rowKey={(run) => run.id} />}
    </Data>
  );
}

function Nothing({ operate }: { operate: boolean }) {
  return (
    <Empty title="Nothing runs">
      {operate ? (
        <>
          Choose a <Link to="/scripts">script</Link> to run, or look at <Link to="/runs">earlier runs</Link>.
        </>
      ) : (
        <Link to="/runs">Look at earlier runs</Link>
      )}
    </Empty>
  );
}

function Away({ agents }: { agents: readonly Agent[] }) {
  const away = agents.filter((agent) => !agent.online);
  if (agents.length === 0) return <Empty title="No agent yet"><Link to="/agents">Enroll the first one</Link>: scripts run there.</Empty>;
  if (away.length === 0) return <Empty title={agents.length === 1 ? "The agent is online" : `All ${agents.length} agents are online`} />;
  return <Table label="Agents away" columns={awayColumns} rows={away} rowKey={(agent) => agent.id} />;
}
