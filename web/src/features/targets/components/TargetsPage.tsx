import { Button, TextInput } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { Data } from "@/components/ui/Data";
import { LoadMore } from "@/components/ui/LoadMore";
import { Page, Panel } from "@/components/ui/Page";
import { SafeText } from "@/components/ui/SafeText";
import { StateBadge } from "@/components/ui/StateBadge";
import { Empty, Failure, Loading } from "@/components/ui/States";
import { Table, type Column } from "@/components/ui/Table";
import { When } from "@/components/ui/When";
import { useMay } from "@/lib/roles";
import type { Target } from "@/lib/schema";
import { usePlaces } from "../api/getPlaces";
import { useTargets } from "../api/getTargets";
import { CreateTargetForm } from "./CreateTargetForm";

interface Props {
  search: string;
  onSearch: (search: string) => void;
  /** Where to go when a target was made; without it the list stays. */
  onMade?: (id: string) => void;
}

/** TargetsPage lists what scripts can run on. */
export function TargetsPage({ search, onSearch, onMade }: Props) {
  const operate = useMay("operate");
  const [creating, setCreating] = useState(false);
  const places = usePlaces();
  const close = (): void => setCreating(false);
  return (
    <Page title="Targets" actions={operate && !creating && <Button onClick={() => setCreating(true)}>New target</Button>}>
      {creating && (
        <Panel title="New target" padded>
          <Data query={places} empty={(p) => p.pools.length === 0 && <Empty title="There is no pool yet">Make one on the page of agents.</Empty>}>
            {(p) => <CreateTargetForm places={p} onClose={close} onDone={onMade ?? close} />}
          </Data>
        </Panel>
      )}
      <TextInput type="search" aria-label="Search targets by name" placeholder="Part of a name" maw={360} value={search} onChange={(e) => onSearch(e.currentTarget.value)} />
      <Panel>
        <Targets search={search} agentName={(id) => places.data?.agents.find((a) => a.id === id)?.name} />
      </Panel>
    </Page>
  );
}

function Targets({ search, agentName }: { search: string; agentName: (id: string) => string | undefined }) {
  const query = useTargets(search);
  if (query.data === undefined) return query.isError ? <Failure error={query.error} retry={() => void query.refetch()} /> : <Loading />;
  const targets = query.data.pages.flat();
  if (targets.length === 0) return <Empty title={search === "" ? "No targets yet" : "No target has this in its name"} />;
  const columns: readonly Column<Target>[] = [
    { title: "Name", cell: (t) => <Link to="/targets/$targetId" params={{ targetId: t.id }}><SafeText>{t.name}</SafeText></Link> },
    { title: "State", cell: (t) => (t.disabled ? <StateBadge state="disabled" /> : "usable") },
    { title: "Kind", cell: (t) => t.kind },
    { title: "Address", cell: (t) => (typeof t.options["address"] === "string" ? <SafeText>{t.options["address"]}</SafeText> : <span className="epo-quiet">–</span>) },
    { title: "Pool", cell: (t) => <SafeText>{t.pool_name}</SafeText> },
    { title: "Agent", cell: (t) => (t.agent_id === null ? <span className="epo-quiet">any of the pool</span> : <SafeText>{agentName(t.agent_id) ?? t.agent_id}</SafeText>) },
    { title: "Made", cell: (t) => <When at={t.created_at} relative /> },
  ];
  return (
    <>
      <Table label="Targets" columns={columns} rows={targets} rowKey={(t) => t.id} />
      <LoadMore query={query} />
    </>
  );
}
