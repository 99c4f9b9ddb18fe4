import { Alert } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { Data } from "@/components/ui/Data";
import { LiveSign } from "@/components/ui/LiveSign";
import { Page, Panel } from "@/components/ui/Page";
import { SafeText } from "@/components/ui/SafeText";
import { StateBadge } from "@/components/ui/StateBadge";
import { openRunStates, type Run } from "@/lib/schema";
import { useRun } from "../api/getRun";
import { useRunTargets } from "../api/getRunTargets";
import { useRunEvents } from "../api/useRunEvents";
import { RunActions } from "./RunActions";
import { RunFacts } from "./RunFacts";
import { RunTargets } from "./RunTargets";
import { TargetPanel, type TargetView } from "./TargetPanel";

/** RunView is what is looked at on the page, as it stands in the address. */
export interface RunView extends TargetView {
  target?: string | undefined; // run target
}

interface Props {
  runId: string;
  view: RunView;
  onView: (view: RunView) => void;
  linkTo: (view: RunView) => string;
}

/** RunPage shows one run: its targets and their states, and the log of one of them as it is written. */
export function RunPage({ runId, view, onView, linkTo }: Props) {
  const query = useRun(runId);
  const run = query.data;
  const open = run !== undefined && openRunStates.includes(run.state);
  const live = useRunEvents(runId, open);
  return (
    <Page
      title={run ? (run.job_name ?? run.script_name) : "Run"}
      above={<Link to="/runs">Runs</Link>}
      badge={
        run && (
          <>
            <StateBadge state={run.state} /> {open && <LiveSign state={live} />}
          </>
        )
      }
      actions={run && <RunActions run={run} open={open} />}
    >
      <Data query={query}>
        {(found) => (
          <>
            <Explanation run={found} />
            <Panel label="Run">
              <RunFacts run={found} />
            </Panel>
            <Targets run={found} view={view} onView={onView} linkTo={linkTo} />
          </>
        )}
      </Data>
    </Page>
  );
}

function Targets({ run, view, onView, linkTo }: { run: Run } & Omit<Props, "runId">) {
  const query = useRunTargets(run.id);
  return (
    <Data query={query}>
      {(targets) => {
        const shown = targets.find((t) => t.id === view.target) ?? targets.find((t) => t.state === "failed") ?? targets[0];
        return (
          <>
            {targets.length > 1 && <RunTargets run={run} targets={targets} shown={shown} onShow={(target) => onView({ target: target.id })} />}
            {shown && <TargetPanel key={shown.id} target={shown} view={view} onView={(next) => onView({ ...next, target: shown.id })} linkTo={(next) => linkTo({ ...next, target: shown.id })} />}
          </>
        );
      }}
    </Data>
  );
}

/** Explanation says why a run stands where it stands, when its state alone does not. */
function Explanation({ run }: { run: Run }) {
  if (run.cancel_requested_at && openRunStates.includes(run.state))
    return (
      <Alert color="yellow" variant="light" role="status">
        Somebody asked to cancel this run. Targets that run are being stopped.
      </Alert>
    );
  if (run.state === "queued")
    return (
      <Alert color="blue" variant="light" role="status">
        Waiting for an agent. If this lasts, look whether one of the target&apos;s pool is online: <Link to="/agents">Agents</Link>.
      </Alert>
    );
  if (run.state === "expired")
    return (
      <Alert color="yellow" variant="light" role="status">
        No agent took this run of <SafeText>{run.script_name}</SafeText> in time. Nothing was run.
      </Alert>
    );
  return null;
}
