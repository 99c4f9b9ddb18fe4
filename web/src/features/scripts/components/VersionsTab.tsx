import { Button, Group } from "@mantine/core";
import { useMemo } from "react";
import { Data } from "@/components/ui/Data";
import { SafeText } from "@/components/ui/SafeText";
import { Empty } from "@/components/ui/States";
import { Table, type Column } from "@/components/ui/Table";
import { When } from "@/components/ui/When";
import { size } from "@/lib/bytes";
import type { Script, ScriptVersion } from "@/lib/schema";
import { useSigns } from "../api/getSigns";
import { useVersions } from "../api/getVersions";
import { VersionSign } from "./InspectionSign";
import type { ScriptView } from "./ScriptPage";

interface Props {
  script: Script;
  view: ScriptView;
  onView: (view: ScriptView) => void;
}

/** VersionsTab lists the versions of a script. They never change. */
export function VersionsTab({ script, view, onView }: Props) {
  const versions = useVersions(script.id);
  const ids = useMemo(() => (versions.data ?? []).slice(0, 100).map((v) => v.id), [versions.data]);
  const signs = useSigns(ids);
  const columns: readonly Column<ScriptVersion>[] = [
    { title: "Version", cell: (v) => v.version },
    { title: "Stored", cell: (v) => <When at={v.created_at} /> },
    { title: "By", cell: (v) => (v.created_by_name ? <SafeText>{v.created_by_name}</SafeText> : "–") },
    { title: "Notes", cell: (v) => (v.notes ? <SafeText>{v.notes}</SafeText> : <span className="epo-quiet">–</span>) },
    { title: "Inspection", cell: (v) => <VersionSign sign={signs.data?.[v.id]} /> },
    { title: "Size", number: true, cell: (v) => size(v.size_bytes) },
    { title: "SHA-256", cell: (v) => <span className="epo-mono" title={v.sha256}>{v.sha256.slice(0, 12)}…</span> },
    {
      title: "Show",
      cell: (v) => (
        <Group gap="xs" wrap="nowrap">
          <Button size="compact-xs" variant="default" aria-label={`Source of version ${v.version}`} onClick={() => onView({ ...view, tab: "source", version: v.version })}>
            Source
          </Button>
          {v.version > 1 && (
            <Button size="compact-xs" variant="default" aria-label={`Changes of version ${v.version}`} onClick={() => onView({ ...view, tab: "difference", from: v.version - 1, to: v.version })}>
              Changes
            </Button>
          )}
        </Group>
      ),
    },
  ];
  return (
    <Data query={versions} empty={(all) => all.length === 0 && <Empty title="No version yet" />}>
      {(all) => <Table label="Versions" columns={columns} rows={all} rowKey={(v) => v.id} />}
    </Data>
  );
}
