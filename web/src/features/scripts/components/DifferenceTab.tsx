import { Group } from "@mantine/core";
import { CodeDifference } from "@/components/ui/Code";
import { Data } from "@/components/ui/Data";
import { Empty, Failure, Loading } from "@/components/ui/States";
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

/** DifferenceTab compares two versions, the last two unless others were chosen. */
export function DifferenceTab({ script, view, onView }: Props) {
  const versions = useVersions(script.id);
  return (
    <Data query={versions} empty={(all) => all.length < 2 && <Empty title="There is one version only">A second one can be compared with it.</Empty>}>
      {(all) => {
        const to = all.find((v) => v.version === view.to) ?? all[0];
        const from = all.find((v) => v.version === view.from) ?? all[1];
        if (!from || !to) return null;
        return (
          <div style={{ padding: "0.9rem" }}>
            <Group mb="sm">
              <VersionSelect label="From" versions={all} value={from.version} onChange={(version) => onView({ ...view, from: version, to: to.version })} />
              <VersionSelect label="To" versions={all} value={to.version} onChange={(version) => onView({ ...view, from: from.version, to: version })} />
            </Group>
            <Compare from={from} to={to} />
          </div>
        );
      }}
    </Data>
  );
}

function Compare({ from, to }: { from: ScriptVersion; to: ScriptVersion }) {
  const before = useSource(from.id);
  const after = useSource(to.id);
  const failed = before.error ?? after.error;
  if (failed) return <Failure error={failed} />;
  if (!before.data || !after.data) return <Loading rows={8} />;
  if (from.sha256 === to.sha256) return <Empty title="The two versions are the same, byte for byte" />;
  return <CodeDifference label={`What changed from version ${from.version} to ${to.version}`} before={before.data.text} after={after.data.text} />;
}
