import { Button, Group, NativeSelect } from "@mantine/core";
import { useState } from "react";
import { Panel } from "@/components/ui/Page";
import { SafeText } from "@/components/ui/SafeText";
import { StateBadge } from "@/components/ui/StateBadge";
import { Table, type Column } from "@/components/ui/Table";
import { Took } from "@/components/ui/When";
import { plain } from "@/lib/text";
import type { Run, RunTarget } from "@/lib/schema";
import { runTargetLimit } from "../api/getRunTargets";

interface Props {
  run: Run;
  targets: readonly RunTarget[];
  shown: RunTarget | undefined;
  onShow: (target: RunTarget) => void;
}

const atOnce = 20;

/** RunTargets lists the targets of a run; one of them is shown below. */
export function RunTargets({ run, targets, shown, onShow }: Props) {
  const [state, setState] = useState("");
  const [limit, setLimit] = useState(atOnce);
  const states = [...new Set(targets.map((t) => t.state))].sort();
  const matching = targets.filter((t) => state === "" || t.state === state);
  const columns: readonly Column<RunTarget>[] = [
    { title: "State", cell: (t) => <StateBadge state={t.state} /> },
    {
      title: "Target",
      cell: (t) => (
        <Button variant="subtle" size="compact-sm" aria-label={`Show target ${plain(t.target_name)}`} onClick={() => onShow(t)}>
          <SafeText>{t.target_name}</SafeText>
        </Button>
      ),
    },
    { title: "Agent", cell: (t) => (t.agent_name ? <SafeText>{t.agent_name}</SafeText> : <span className="epo-quiet">–</span>) },
    { title: "Exit code", number: true, cell: (t) => t.exit_code ?? "–" },
    { title: "Took", number: true, cell: (t) => <Took from={t.started_at} to={t.finished_at} /> },
    { title: "Error", cell: (t) => (t.error ? <SafeText>{t.error.message.slice(0, 200)}</SafeText> : <span className="epo-quiet">–</span>) },
  ];
  return (
    <Panel
      title="Targets"
      side={
        <Group gap="xs">
          {run.targets_total > runTargetLimit && <span className="epo-quiet">the first {runTargetLimit}</span>}
          <NativeSelect size="xs" aria-label="State of targets" value={state} onChange={(e) => setState(e.currentTarget.value)} data={[{ value: "", label: "Any state" }, ...states.map((s) => ({ value: s, label: s }))]} />
        </Group>
      }
    >
      <Table label="Targets" columns={columns} rows={matching.slice(0, limit)} rowKey={(t) => t.id} selected={(t) => t.id === shown?.id} />
      {matching.length > limit && (
        <Button m="sm" size="xs" variant="default" onClick={() => setLimit(limit + 100)}>
          Show more
        </Button>
      )}
    </Panel>
  );
}
