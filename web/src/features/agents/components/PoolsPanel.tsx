import { Alert, Button, Group, TextInput } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { Data } from "@/components/ui/Data";
import { Panel } from "@/components/ui/Page";
import { SafeText } from "@/components/ui/SafeText";
import { Empty, ErrorText } from "@/components/ui/States";
import { Table, type Column } from "@/components/ui/Table";
import { When } from "@/components/ui/When";
import { useMay } from "@/lib/roles";
import type { Pool } from "@/lib/schema";
import { useCreatePool } from "../api/createPool";
import { usePools } from "../api/getPools";

const columns: readonly Column<Pool>[] = [
  { title: "Name", cell: (pool) => <SafeText>{pool.name}</SafeText> },
  { title: "Description", cell: (pool) => (pool.description ? <SafeText>{pool.description}</SafeText> : <span className="epo-quiet">–</span>) },
  { title: "Made", cell: (pool) => <When at={pool.created_at} relative /> },
];

/** PoolsPanel lists the sets that agents and targets belong to. */
export function PoolsPanel() {
  const operate = useMay("operate");
  const query = usePools();
  return (
    <Panel title="Pools" side={operate && <CreatePool />}>
      <Data query={query} empty={(pools) => pools.length === 0 && <Empty title="No pools yet" />}>
        {(pools) => <Table label="Pools" columns={columns} rows={pools} rowKey={(pool) => pool.id} />}
      </Data>
    </Panel>
  );
}

function CreatePool() {
  const [name, setName] = useState("");
  const create = useCreatePool();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    create.mutate(name, { onSuccess: () => setName("") });
  };
  return (
    <form onSubmit={submit} aria-label="New pool">
      <Group gap="xs">
        {create.isError && (
          <Alert color="red" variant="light" role="alert" p="xs">
            <ErrorText error={create.error} />
          </Alert>
        )}
        <TextInput size="xs" aria-label="Name of a new pool" placeholder="New pool" value={name} onChange={(e) => setName(e.currentTarget.value)} />
        <Button size="xs" type="submit" variant="default" disabled={name === ""} loading={create.isPending}>
          Create pool
        </Button>
      </Group>
    </form>
  );
}
