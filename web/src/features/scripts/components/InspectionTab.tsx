import { Button, Group, Stack } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { CommandLine } from "@/components/ui/CommandLine";
import { Data } from "@/components/ui/Data";
import { Facts } from "@/components/ui/Facts";
import { SafeText } from "@/components/ui/SafeText";
import { Empty, ErrorText } from "@/components/ui/States";
import { When } from "@/components/ui/When";
import { command } from "@/lib/cli";
import { inspected, waiting, type Inspection } from "@/lib/inspection";
import { useInspection } from "@/lib/inspections";
import { useMay } from "@/lib/roles";
import type { Script, ScriptVersion } from "@/lib/schema";
import { useVersions } from "../api/getVersions";
import { useInspectScript } from "../api/inspectScript";
import { FaultList } from "./FaultList";
import { HelpText } from "./HelpText";
import { InspectionBadge } from "./InspectionSign";
import { ParameterTable } from "./ParameterTable";
import type { ScriptView } from "./ScriptPage";
import { VersionSelect } from "./VersionSelect";

interface Props {
  script: Script;
  view: ScriptView;
  onView: (view: ScriptView) => void;
}

/** InspectionTab shows what PowerShell's own parser knows of one version: errors, parameters, help, requirements, commands. */
export function InspectionTab({ script, view, onView }: Props) {
  const versions = useVersions(script.id);
  return (
    <Data query={versions} empty={(all) => all.length === 0 && <Empty title="No version yet" />}>
      {(all) => {
        const shown = all.find((v) => v.version === view.version) ?? all[0];
        if (!shown) return null;
        return (
          <div style={{ padding: "0.9rem" }}>
            <Group>
              <VersionSelect label="Version" versions={all} value={shown.version} onChange={(version) => onView({ ...view, version })} />
            </Group>
            <Inspected key={shown.id} script={script} version={shown} onLine={(line) => onView({ ...view, tab: "source", version: shown.version, line })} />
          </div>
        );
      }}
    </Data>
  );
}

function Inspected({ script, version, onLine }: { script: Script; version: ScriptVersion; onLine: (line: number) => void }) {
  const query = useInspection(version.id);
  return (
    <Data query={query}>
      {(inspection) => (
        <>
          <Summary inspection={inspection} />
          {(inspection === null || !inspected(inspection)) && <Uninspected versionId={version.id} inspection={inspection} />}
          {inspection !== null && inspected(inspection) && <Result inspection={inspection} onLine={onLine} />}
          <CommandLine command={command("epo", "script", "show", script.name, version.version !== script.latest_version && "--version", version.version !== script.latest_version && String(version.version))} />
        </>
      )}
    </Data>
  );
}

function Summary({ inspection }: { inspection: Inspection | null }) {
  const requires = inspection?.requires;
  const needs = requires && [requires.version !== null && `PowerShell ${requires.version}`, ...requires.editions.map((e) => `edition ${e}`), requires.elevated && "administrator rights", ...requires.modules.map((m) => `module ${m}`)].filter((n) => n !== false);
  return (
    <Facts
      facts={[
        ["Inspection", <InspectionBadge key="state" inspection={inspection} />, true],
        ["Read by PowerShell", inspection?.engine ?? "–"],
        ["When", <When key="when" at={inspection?.finishedAt ?? inspection?.requestedAt ?? null} />],
        ["Requires", needs && needs.length > 0 ? <SafeText key="needs">{needs.join(", ")}</SafeText> : "–"],
        ["Gives", inspection && inspection.outputTypes.length > 0 ? <SafeText key="gives">{inspection.outputTypes.join(", ")}</SafeText> : "–"],
      ]}
    />
  );
}

/** Uninspected says what it means that there is no result, and how to get one. */
function Uninspected({ versionId, inspection }: { versionId: string; inspection: Inspection | null }) {
  const operate = useMay("operate");
  const again = useInspectScript(versionId);
  if (waiting(inspection))
    return (
      <Empty title="There is no result yet">
        An agent reads each new version. If this lasts, look whether one is online: <Link to="/agents">Agents</Link>. The version can run meanwhile, unchecked.
      </Empty>
    );
  return (
    <Empty title="There is no result">
      <Stack gap="xs" align="flex-start">
        <span>The version can run, and its parameters are given as JSON: nothing checks them before PowerShell does.</span>
        {again.isError && (
          <div role="alert">
            <ErrorText error={again.error} />
          </div>
        )}
        {operate && (
          <Button size="xs" variant="default" loading={again.isPending} onClick={() => again.mutate()}>
            Inspect it {inspection === null ? "now" : "again"}
          </Button>
        )}
      </Stack>
    </Empty>
  );
}

function Result({ inspection, onLine }: { inspection: Inspection; onLine: (line: number) => void }) {
  return (
    <Stack mb="md">
      <FaultList faults={inspection.errors} onLine={onLine} />
      <HelpText help={inspection.help} />
      <section aria-label="Parameters">
        <h3 style={{ margin: "0 0 0.3rem", fontSize: "1rem" }}>Parameters</h3>
        <ParameterTable inspection={inspection} onLine={onLine} />
      </section>
      {inspection.commands.length > 0 && (
        <details>
          <summary>Commands used: {inspection.commands.length}</summary>
          <div className="epo-mono" style={{ overflowWrap: "anywhere" }}>
            <SafeText>{inspection.commands.map((c) => (c.count > 1 ? `${c.name} ×${c.count}` : c.name)).join(", ")}</SafeText>
          </div>
        </details>
      )}
      {inspection.functions.length > 0 && (
        <details>
          <summary>Functions it makes: {inspection.functions.length}</summary>
          <div className="epo-mono" style={{ overflowWrap: "anywhere" }}>
            <SafeText>{inspection.functions.join(", ")}</SafeText>
          </div>
        </details>
      )}
    </Stack>
  );
}
