import { Link } from "@tanstack/react-router";
import { Data } from "@/components/ui/Data";
import { Page, Panel } from "@/components/ui/Page";
import { SafeText } from "@/components/ui/SafeText";
import { Empty, Failure, Loading, NotAllowed } from "@/components/ui/States";
import { useMay } from "@/lib/roles";
import { useRun } from "../api/getRun";
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
        {operate && like === undefined && <Form scriptId={scriptId} draft={{ targetIds: [], parameters: "{}", timeout: "" }} onQueued={onQueued} />}
        {operate && like !== undefined && <LikeRun scriptId={scriptId} like={like} onQueued={onQueued} />}
      </Panel>
    </Page>
  );
}

function LikeRun({ scriptId, like, onQueued }: { scriptId: string; like: string; onQueued: (queued: Queued) => void }) {
  const run = useRun(like);
  const targets = useRunTargets(like);
  const failed = run.error ?? targets.error;
  if (failed) return <Failure error={failed} />;
  if (!run.data || !targets.data) return <Loading />;
  const draft: RunDraft = {
    targetIds: targets.data.map((t) => t.target_id),
    parameters: JSON.stringify(run.data.parameters, null, 2),
    timeout: run.data.timeout_seconds === null ? "" : String(run.data.timeout_seconds),
    like: run.data,
  };
  return <Form scriptId={scriptId} draft={draft} onQueued={onQueued} />;
}

function Form({ scriptId, draft, onQueued }: { scriptId: string; draft: RunDraft; onQueued: (queued: Queued) => void }) {
  const script = useStartableScript(scriptId);
  const choices = useTargetChoices();
  return (
    <Data query={script}>
      {(found) => (
        <Data query={choices} empty={(all) => all.length === 0 && <Empty title="There is no target yet"><Link to="/targets">Make one</Link> to run scripts on.</Empty>}>
          {(all) => <RunForm script={found} choices={all} draft={draft} onQueued={onQueued} />}
        </Data>
      )}
    </Data>
  );
}
