import { Button, Group } from "@mantine/core";
import { Code } from "@/components/ui/Code";
import { Data } from "@/components/ui/Data";
import { Facts } from "@/components/ui/Facts";
import { SafeText } from "@/components/ui/SafeText";
import { When } from "@/components/ui/When";
import { size } from "@/lib/bytes";
import { save } from "@/lib/download";
import { plain } from "@/lib/text";
import type { Script, ScriptVersion } from "@/lib/schema";
import { useSource } from "../api/getSource";
import { useVersions } from "../api/getVersions";
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
              <VersionSelect label="Version" versions={all} value={shown.version} onChange={(version) => onView({ ...view, version })} />
            </Group>
            <VersionFacts version={shown} />
            <SourceOf version={shown} />
          </div>
        );
      }}
    </Data>
  );
}

function VersionFacts({ version }: { version: ScriptVersion }) {
  return (
    <Facts
      facts={[
        ["Stored", <When key="at" at={version.created_at} />],
        ["By", version.created_by_name ? <SafeText key="by">{version.created_by_name}</SafeText> : "–"],
        ["Size", size(version.size_bytes)],
        ["SHA-256", <span key="sha" className="epo-mono">{version.sha256}</span>, true],
        ["Notes", version.notes ? <SafeText key="notes">{version.notes}</SafeText> : "–", true],
      ]}
    />
  );
}

function SourceOf({ version }: { version: ScriptVersion }) {
  const source = useSource(version.id);
  return (
    <Data query={source} rows={8}>
      {({ text, bytes }) => (
        <>
          <Group justify="flex-end" mb="xs">
            <Button size="xs" variant="default" onClick={() => save([bytes], `${plain(version.script_name)}.ps1`, "application/octet-stream")}>
              Download
            </Button>
          </Group>
          <Code label={`Source of version ${version.version}`} value={text} />
        </>
      )}
    </Data>
  );
}
