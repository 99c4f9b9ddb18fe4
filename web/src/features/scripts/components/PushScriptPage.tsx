import { Link } from "@tanstack/react-router";
import { Data } from "@/components/ui/Data";
import { Page, Panel } from "@/components/ui/Page";
import { SafeText } from "@/components/ui/SafeText";
import { NotAllowed } from "@/components/ui/States";
import { useMay } from "@/lib/roles";
import type { Script } from "@/lib/schema";
import { useScript } from "../api/getScript";
import { useSource } from "../api/getSource";
import type { Pushed } from "../api/pushScript";
import { PushScriptForm } from "./PushScriptForm";

/** NewScriptPage makes a script with its first version. */
export function NewScriptPage({ onDone }: { onDone: (pushed: Pushed) => void }) {
  const operate = useMay("operate");
  return (
    <Page title="New script" above={<Link to="/scripts">Scripts</Link>}>
      <Panel padded>{operate ? <PushScriptForm onDone={onDone} /> : <NotAllowed what="Operators and administrators push scripts." />}</Panel>
    </Page>
  );
}

/** NewVersionPage starts from the latest source. */
export function NewVersionPage({ scriptId, onDone }: { scriptId: string; onDone: (pushed: Pushed) => void }) {
  const operate = useMay("operate");
  const script = useScript(scriptId);
  return (
    <Page title="New version" above={<Above script={script.data} scriptId={scriptId} />}>
      <Panel padded>
        {operate ? <Data query={script}>{(s) => <WithSource script={s} onDone={onDone} />}</Data> : <NotAllowed what="Operators and administrators push scripts." />}
      </Panel>
    </Page>
  );
}

function Above({ script, scriptId }: { script: Script | undefined; scriptId: string }) {
  return (
    <>
      <Link to="/scripts">Scripts</Link> ›{" "}
      <Link to="/scripts/$scriptId" params={{ scriptId }}>
        <SafeText>{script?.name ?? "Script"}</SafeText>
      </Link>
    </>
  );
}

function WithSource({ script, onDone }: { script: Script; onDone: (pushed: Pushed) => void }) {
  const source = useSource(script.latest_version_id);
  if (script.latest_version_id === null) return <PushScriptForm script={{ name: script.name }} onDone={onDone} />;
  return <Data query={source}>{(latest) => <PushScriptForm script={{ name: script.name, source: latest }} onDone={onDone} />}</Data>;
}
