import { Alert, Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { CommandLine } from "@/components/ui/CommandLine";
import { Data } from "@/components/ui/Data";
import { Panel } from "@/components/ui/Page";
import { SafeText } from "@/components/ui/SafeText";
import { StateBadge } from "@/components/ui/StateBadge";
import { Empty, ErrorText } from "@/components/ui/States";
import { Table, type Column } from "@/components/ui/Table";
import { When } from "@/components/ui/When";
import { command } from "@/lib/cli";
import { useMay } from "@/lib/roles";
import type { Target } from "@/lib/schema";
import { going, useConnectionTest, useTestConnection, type Check, type ConnectionTest } from "../api/connectionTest";

const columns: readonly Column<Check>[] = [
  { title: "Step", cell: (c) => <SafeText>{c.name.replaceAll("_", " ")}</SafeText> },
  { title: "State", cell: (c) => <StateBadge state={c.state} /> },
  { title: "What was found", cell: (c) => (c.detail ? <SafeText>{c.detail}</SafeText> : <span className="epo-quiet">–</span>) },
  { title: "What to do", cell: (c) => (c.advice ? <SafeText>{c.advice}</SafeText> : <span className="epo-quiet">–</span>) },
];

/** ConnectionTestPanel has an agent try the way to a target, step by step, and shows the last try. */
export function ConnectionTestPanel({ target }: { target: Target }) {
  const operate = useMay("operate");
  const query = useConnectionTest(target.id);
  const start = useTestConnection(target.id);
  const busy = start.isPending || going(query.data);
  return (
    <Panel
      title="Connection"
      padded
      side={
        operate && (
          <Button size="compact-sm" loading={busy} onClick={() => start.mutate()}>
            Test connection
          </Button>
        )
      }
    >
      {start.isError && (
        <Alert color="red" variant="light" role="alert" mb="sm" title="The test was not started">
          <ErrorText error={start.error} />
        </Alert>
      )}
      <Data query={query} empty={(test) => test === null && <Empty title="Not tested yet">A test goes the whole way that a run goes, up to a script of one line. It changes nothing.</Empty>}>
        {(test) => test && <Result test={test} />}
      </Data>
      <CommandLine command={command("epo", "target", "test", target.name)} />
    </Panel>
  );
}

function Result({ test }: { test: ConnectionTest }) {
  return (
    <div style={{ marginBottom: "0.8rem" }}>
      <div role="status" aria-live="polite" style={{ marginBottom: "0.5rem" }}>
        <Words test={test} /> <span className="epo-quiet">{<When at={test.finishedAt ?? test.requestedAt} relative />}</span>
      </div>
      {test.checks.length > 0 && <Table label="Steps of the test" columns={columns} rows={test.checks} rowKey={(c) => c.name} />}
    </div>
  );
}

function Words({ test }: { test: ConnectionTest }) {
  switch (test.state) {
    case "pending":
      return (
        <>
          Waiting for an agent that serves this target. <Link to="/agents">Agents</Link>
        </>
      );
    case "claimed":
      return <>An agent is trying.</>;
    case "expired":
      return (
        <>
          No agent took the test in time: is one of the pool online? <Link to="/agents">Agents</Link>
        </>
      );
    case "failed":
    case "done":
      return test.ok === true && test.state === "done" ? (
        <>
          <b>It can be reached</b>
          {test.engine !== null && (
            <>
              : PowerShell <SafeText>{test.engine}</SafeText>
            </>
          )}
          .
        </>
      ) : (
        <>
          <b>{test.state === "done" ? "It cannot be used yet" : "The test itself failed"}</b>
          {test.cause !== null && (
            <>
              : <SafeText>{test.cause}</SafeText>
            </>
          )}
        </>
      );
  }
}
