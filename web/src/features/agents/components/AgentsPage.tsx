import { Button } from "@mantine/core";
import { useState } from "react";
import { Data } from "@/components/ui/Data";
import { Page, Panel } from "@/components/ui/Page";
import { SafeText } from "@/components/ui/SafeText";
import { StateBadge } from "@/components/ui/StateBadge";
import { Empty } from "@/components/ui/States";
import { Table, type Column } from "@/components/ui/Table";
import { When } from "@/components/ui/When";
import { useMay } from "@/lib/roles";
import type { Agent } from "@/lib/schema";
import { useAgents } from "../api/getAgents";
import { EnrollPanel } from "./EnrollPanel";
import { PoolsPanel } from "./PoolsPanel";
import { RevokeButton } from "./RevokeButton";

const columns: readonly Column<Agent>[] = [
  { title: "Name", cell: (a) => <SafeText>{a.name}</SafeText> },
  { title: "State", cell: (a) => <StateBadge state={a.state === "revoked" ? "revoked" : a.online ? "online" : "away"} /> },
  { title: "Pool", cell: (a) => <SafeText>{a.pool_name}</SafeText> },
  { title: "Machine", cell: (a) => <Machine agent={a} /> },
  { title: "Agent", cell: (a) => orDash(a.version) },
  { title: "PowerShell", cell: (a) => orDash(a.engine_version) },
  { title: "Isolation", cell: (a) => <Isolation isolation={a.isolation} /> },
  { title: "Warm", number: true, cell: (a) => (a.online && a.warm !== null ? `${a.warm} of ${a.capacity ?? "?"}` : "–") },
  { title: "Last seen", cell: (a) => (a.last_seen_at ? <When at={a.last_seen_at} relative /> : "never") },
];

/** AgentsPage lists the processes that execute, and lets an administrator enroll another. */
export function AgentsPage() {
  const administer = useMay("administer");
  const [enrolling, setEnrolling] = useState(false);
  const query = useAgents();
  const all = administer ? [...columns, { title: "Change", cell: (a: Agent) => a.state === "active" && <RevokeButton agent={a} /> }] : columns;
  return (
    <Page title="Agents" actions={administer && !enrolling && <Button onClick={() => setEnrolling(true)}>Enroll an agent</Button>}>
      {enrolling && <EnrollPanel onClose={() => setEnrolling(false)} />}
      <Panel>
        <Data query={query} empty={(agents) => agents.length === 0 && <Empty title="No agents yet">{administer ? "Enroll one: it runs the scripts." : "An administrator can enroll one."}</Empty>}>
          {(agents) => <Table label="Agents" columns={all} rows={agents} rowKey={(a) => a.id} />}
        </Data>
      </Panel>
      <PoolsPanel />
    </Page>
  );
}

function orDash(text: string | null) {
  return text ? <SafeText>{text}</SafeText> : <span className="epo-quiet">–</span>;
}

function Machine({ agent }: { agent: Agent }) {
  return (
    <>
      {orDash(agent.hostname)} {agent.os && <span className="epo-quiet">{`${agent.os}/${agent.arch ?? "?"}`}</span>}
    </>
  );
}

function Isolation({ isolation }: { isolation: string | null }) {
  if (isolation === "none")
    return (
      <span style={{ color: "var(--epo-warn)" }} title="Scripts run as the agent's own account and can read its keys. Start the agent as root to give them an account of their own.">
        ⚠ none
      </span>
    );
  return orDash(isolation);
}
