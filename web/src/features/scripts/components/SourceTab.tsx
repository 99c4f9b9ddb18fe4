import { Button, Group } from "@mantine/core";
import { useMemo } from "react";
import { Code, type CodeMark } from "@/components/ui/Code";
import { Data } from "@/components/ui/Data";
import { Facts } from "@/components/ui/Facts";
import { SafeText } from "@/components/ui/SafeText";
import { When } from "@/components/ui/When";
import { size } from "@/lib/bytes";
import { save } from "@/lib/download";
import { useInspection } from "@/lib/inspections";
import { plain } from "@/lib/text";
import type { Script, ScriptVersion } from "@/lib/schema";
import { useSource } from "../api/getSource";
import { useVersions } from "../api/getVersions";
import { FaultList } from "./FaultList";
import { InspectionBadge } from "./InspectionSign";
import type { ScriptView } from "./ScriptPage";
import { VersionSelect } from "./VersionSelect";

interface Props {
  script: Script;
  view: ScriptView;
  onView: (view: ScriptView) => void;
}

/** SourceTab shows the source of one version, the latest unless another was chosen. */
export function SourceTab({ script, view, onView }: Props) {
  const versions = useVersions(script.id);
  return (
    <Data query={versions}>
      {(all) => {
        const shown = all.find((v) => v.version === view.version) ?? all[0];
        if (!shown) return null;
        return (
          <div style={{ padding: "0.9rem" }}>
            <Group>
              <VersionSelect label="Version" versions={all} value={shown.version} onChange={(version) => onView({ ...view, version, line: undefined })} />
            </Group>
            <VersionFacts version={shown} />
            <SourceOf version={shown} line={view.line} onLine={(line) => onView({ ...view, version: shown.version, line })} />
          </div>
        );
      }}
    </Data>
  );
}

function VersionFacts({ version }: { version: ScriptVersion }) {
  const inspection = useInspection(version.id);
  return (
    <Facts
      facts={[
        ["Stored", <When key="at" at={version.created_at} />],
        ["By", version.created_by_name ? <SafeText key="by">{version.created_by_name}</SafeText> : "–"],
        ["Size", size(version.size_bytes)],
        ["Inspection", inspection.data === undefined ? "–" : <InspectionBadge key="inspection" inspection={inspection.data} />],
        ["SHA-256", <span key="sha" className="epo-mono">{version.sha256}</span>, true],
        ["Notes", version.notes ? <SafeText key="notes">{version.notes}</SafeText> : "–", true],
      ]}
    />
  );
}

interface SourceProps {
  version: ScriptVersion;
  line: number | undefined;
  onLine: (line: number) => void;
}

function SourceOf({ version, line, onLine }: SourceProps) {
  const source = useSource(version.id);
  const errors = useInspection(version.id).data?.errors;
  const marks = useMemo(() => errors?.map((e): CodeMark => ({ ...e, tone: e.environment ? "warn" : "bad" })), [errors]);
  return (
    <Data query={source} rows={8}>
      {({ text, bytes }) => (
        <>
          {errors && errors.length > 0 && <FaultList faults={errors} onLine={onLine} />}
          <Group justify="flex-end" mb="xs">
            <Button size="xs" variant="default" onClick={() => save([bytes], `${plain(version.script_name)}.ps1`, "application/octet-stream")}>
              Download
            </Button>
          </Group>
          <Code label={`Source of version ${version.version}`} value={text} line={line} {...(marks && { marks })} />
        </>
      )}
    </Data>
  );
}
