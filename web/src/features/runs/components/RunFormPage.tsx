import { Alert, Button } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { Data } from "@/components/ui/Data";
import { Page, Panel } from "@/components/ui/Page";
import { SafeText } from "@/components/ui/SafeText";
import { Empty, Failure, Loading, NotAllowed } from "@/components/ui/States";
import { inspectionQuery } from "@/lib/inspections";
import { useMay, useUser } from "@/lib/roles";
import type { Script } from "@/lib/schema";
import { useEarlierRun, useLastRun } from "../api/getLastRun";
import { useStartableScript, useTargetChoices, type Choice } from "../api/getRunForm";
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
  return (
    <Data query={script}>
      {(found) => (
        <Data query={choices} empty={(all) => all.length === 0 && <Empty title="There is no target yet"><Link to="/targets">Make one</Link> to run scripts on.</Empty>}>
          {(all) => <OfVersion latest={found} choices={all} draft={draft} onQueued={onQueued} />}
        </Data>
      )}
    </Data>
  );
}

/** OfVersion keeps the form at the version that it was opened with: what runs is what was looked at. */
function OfVersion({ latest, choices, draft, onQueued }: { latest: Script; choices: readonly Choice[]; draft: RunDraft; onQueued: (queued: Queued) => void }) {
  const [script, setScript] = useState(latest);
  const inspection = useQuery({ ...inspectionQuery(script.latest_version_id ?? ""), enabled: script.latest_version_id !== null, placeholderData: keepPreviousData });
  const last = useLastRun(script.id, useUser()?.id);
  // A form that cannot ask what the script wants is no reason not to run it: the raw way stays.
  if (inspection.isLoading) return <Loading />;
  return (
    <>
      {latest.latest_version_id !== script.latest_version_id && (
        <Alert color="yellow" variant="light" role="status" mb="md" title={`Version ${latest.latest_version ?? "?"} came meanwhile`}>
          This form runs version {script.latest_version}.{" "}
          <Button size="compact-xs" variant="default" onClick={() => setScript(latest)}>
            Take version {latest.latest_version}
          </Button>
        </Alert>
      )}
      <RunForm script={script} choices={choices} draft={draft} inspection={inspection.data ?? null} last={last.data} onQueued={onQueued} />
    </>
  );
}
