import { Link } from "@tanstack/react-router";
import { Data } from "@/components/ui/Data";
import { Page, Panel } from "@/components/ui/Page";
import { SafeText } from "@/components/ui/SafeText";
import { Empty, Failure, Loading, NotAllowed } from "@/components/ui/States";
import { useInspection } from "@/lib/inspections";
import { useMay, useUser } from "@/lib/roles";
import { useEarlierRun, useLastRun } from "../api/getLastRun";
import { useStartableScript, useTargetChoices } from "../api/getRunForm";
import { useRunTargets } from "../api/getRunTargets";
import type { Queued } from "../api/queueRun";
import { RunForm, type RunDraft } from "./RunForm";

interface Props {
  scriptId: string;
  /** A run whose targets and parameters are taken over. */
  like: string | undefined;
  onQueued: (queued: Queued) => void;
}

/** RunFormPage asks where a script shall run, and with what. */
export function RunFormPage({ scriptId, like, onQueued }: Props) {
  const operate = useMay("operate");
  const script = useStartableScript(scriptId);
  return (
    <Page
      title={script.data ? `Run ${script.data.name}` : "Run"}
      above={
        <>
          <Link to="/scripts">Scripts</Link> ›{" "}
          <Link to="/scripts/$scriptId" params={{ scriptId }}>
            <SafeText>{script.data?.name ?? "Script"}</SafeText>
          </Link>
        </>
      }
    >
      <Panel padded>
        {!operate && <NotAllowed what="Operators and administrators start runs." />}
        {operate && like === undefined && <Form scriptId={scriptId} draft={{ targetIds: [], timeout: "" }} onQueued={onQueued} />}
        {operate && like !== undefined && <LikeRun scriptId={scriptId} like={like} onQueued={onQueued} />}
      </Panel>
    </Page>
  );
}

function LikeRun({ scriptId, like, onQueued }: { scriptId: string; like: string; onQueued: (queued: Queued) => void }) {
  const run = useEarlierRun(like);
  const targets = useRunTargets(like);
  const failed = run.error ?? targets.error;
  if (failed) return <Failure error={failed} />;
  if (!run.data || !targets.data) return <Loading />;
  const draft: RunDraft = { targetIds: targets.data.map((t) => t.target_id), timeout: run.data.timeout === null ? "" : String(run.data.timeout), like: run.data };
  return <Form scriptId={scriptId} draft={draft} onQueued={onQueued} />;
}

function Form({ scriptId, draft, onQueued }: { scriptId: string; draft: RunDraft; onQueued: (queued: Queued) => void }) {
  const script = useStartableScript(scriptId);
  const choices = useTargetChoices();
  const inspection = useInspection(script.data?.latest_version_id);
  const last = useLastRun(scriptId, useUser()?.id);
  return (
    <Data query={script}>
      {(found) => (
        <Data query={choices} empty={(all) => all.length === 0 && <Empty title="There is no target yet"><Link to="/targets">Make one</Link> to run scripts on.</Empty>}>
          {(all) =>
            // A form that cannot ask what the script wants is no reason not to run it: the raw way stays.
            inspection.isPending && inspection.fetchStatus !== "idle" ? <Loading /> : <RunForm script={found} choices={all} draft={draft} inspection={inspection.data ?? null} last={last.data} onQueued={onQueued} />
          }
        </Data>
      )}
    </Data>
  );
}
