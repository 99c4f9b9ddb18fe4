import { Link } from "@tanstack/react-router";
import { Facts } from "@/components/ui/Facts";
import { SafeText } from "@/components/ui/SafeText";
import { Took, When } from "@/components/ui/When";
import { stringifyExact } from "@/lib/exactJson";
import { plain } from "@/lib/text";
import type { OneRun } from "../api/getRun";
import { TargetCount } from "./RunTable";

/** RunFacts: what runs, with what, who asked for it, and when. */
export function RunFacts({ run }: { run: OneRun }) {
  return (
    <Facts
      facts={[
        [
          "Script",
          <Link key="script" to="/scripts/$scriptId" params={{ scriptId: run.script_id }} search={{ tab: "source", version: run.script_version }}>
            <SafeText>{run.script_name}</SafeText> version {run.script_version}
          </Link>,
        ],
        ["SHA-256", <span key="sha" className="epo-mono" title={run.script_sha256}>{run.script_sha256.slice(0, 16)}…</span>],
        ["Targets", <TargetCount key="targets" run={run} />],
        ["Asked for by", run.requested_by_name ? <SafeText key="by">{run.requested_by_name}</SafeText> : run.trigger],
        ["Asked for", <When key="created" at={run.created_at} />],
        ["Started", <When key="started" at={run.started_at} />],
        ["Ended", <When key="ended" at={run.finished_at} />],
        ["Took", <Took key="took" from={run.started_at} to={run.finished_at} />],
        ["Parameters", <Parameters key="parameters" run={run} />],
      ]}
    />
  );
}

function Parameters({ run }: { run: OneRun }) {
  if (run.exactParameters.size === 0) return <span className="epo-quiet">none</span>;
  return (
    <div className="epo-mono">
      {[...run.exactParameters].map(([name, value]) => (
        <div key={name}>
          {plain(name)} = {plain(stringifyExact(value))}
        </div>
      ))}
    </div>
  );
}
