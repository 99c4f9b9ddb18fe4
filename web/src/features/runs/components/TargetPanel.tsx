import { Alert, Group, NativeSelect, Tabs } from "@mantine/core";
import { useCallback } from "react";
import { Data } from "@/components/ui/Data";
import { Panel } from "@/components/ui/Page";
import { SafeText } from "@/components/ui/SafeText";
import { StateBadge } from "@/components/ui/StateBadge";
import { Empty } from "@/components/ui/States";
import type { Attempt, RunTarget } from "@/lib/schema";
import { useAttempts } from "../api/getAttempts";
import { ErrorBox } from "./ErrorBox";
import { LogView, type LogChoice } from "./LogView";
import { ObjectsView } from "./ObjectsView";

export const targetTabs = ["log", "objects"] as const;
export type TargetTab = (typeof targetTabs)[number];

export interface TargetView extends LogChoice {
  attempt?: number | undefined;
  tab?: TargetTab | undefined;
}

interface Props {
  target: RunTarget;
  view: TargetView;
  onView: (view: TargetView) => void;
  linkTo: (view: TargetView) => string;
}

/** TargetPanel shows one target of a run: how it ended, and the log and the objects of one try. */
export function TargetPanel({ target, view, onView, linkTo }: Props) {
  const query = useAttempts(target.run_id, target.id);
  return (
    <Panel
      title="Output"
      side={
        <Group gap="md">
          <span>
            <SafeText>{target.target_name}</SafeText>
          </span>
          <StateBadge state={target.state} />
          {target.exit_code !== null && <span className="epo-quiet">exit code {target.exit_code}</span>}
        </Group>
      }
    >
      {target.error && <ErrorBox error={target.error} />}
      {target.state === "unknown" && (
        <Alert color="yellow" variant="light" m="sm">
          The script was started, and nobody can say how it ended. EPO does not run it again by itself.
        </Alert>
      )}
      <Data query={query} empty={(all) => all.length === 0 && <Empty title={target.state === "pending" ? "No agent has taken it yet" : "It was never started"} />}>
        {(attempts) => {
          const attempt = attempts.find((a) => a.number === view.attempt) ?? attempts[0];
          return attempt && <Output key={attempt.id} attempts={attempts} attempt={attempt} view={view} onView={onView} linkTo={linkTo} />;
        }}
      </Data>
    </Panel>
  );
}

interface OutputProps extends Omit<Props, "target"> {
  attempts: readonly Attempt[];
  attempt: Attempt;
}

function Output({ attempts, attempt, view, onView, linkTo }: OutputProps) {
  const open = attempt.finished_at === null;
  const tab = view.tab ?? "log";
  const choose = useCallback((choice: LogChoice) => onView({ ...view, ...choice }), [view, onView]);
  return (
    <>
      <Group gap="md" px="sm" pt="xs" fz="sm" className="epo-quiet">
        {attempts.length > 1 && (
          <NativeSelect
            size="xs"
            aria-label="Attempt"
            value={String(attempt.number)}
            onChange={(e) => onView({ tab, attempt: Number(e.currentTarget.value) })}
            data={attempts.map((a) => ({ value: String(a.number), label: `Attempt ${a.number}: ${a.state}` }))}
          />
        )}
        <span>
          Agent <SafeText>{attempt.agent_name}</SafeText>
        </span>
        {attempt.engine_version && <span>PowerShell {attempt.engine_version}</span>}
        <Isolation isolation={attempt.isolation} />
      </Group>
      <Tabs value={tab} onChange={(next) => onView({ attempt: view.attempt, tab: next as TargetTab })} keepMounted={false}>
        <Tabs.List aria-label="Output">
          <Tabs.Tab value="log">Log</Tabs.Tab>
          <Tabs.Tab value="objects">Objects</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="log">
          <LogView attempt={attempt} open={open} choice={view} onChoice={choose} linkTo={(line) => linkTo({ ...view, line })} />
        </Tabs.Panel>
        <Tabs.Panel value="objects">
          <ObjectsView attempt={attempt} />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

function Isolation({ isolation }: { isolation: string | null }) {
  if (isolation === null) return null;
  if (isolation !== "none") return <span>isolation: {isolation}</span>;
  return <strong style={{ color: "var(--epo-warn)" }}>isolation: none (the script ran as the agent&apos;s own account)</strong>;
}
