import { Alert, Button, Group, NativeSelect, Stack, TextInput } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { CommandLine } from "@/components/ui/CommandLine";
import { ErrorText } from "@/components/ui/States";
import { command } from "@/lib/cli";
import { useCreateTarget } from "../api/createTarget";
import type { Places } from "../api/getPlaces";

interface Props {
  places: Places;
  onDone: () => void;
}

/** CreateTargetForm makes a target: the machine of an agent of a pool. */
export function CreateTargetForm({ places, onDone }: Props) {
  const [name, setName] = useState("");
  const [poolId, setPoolId] = useState(places.pools[0]?.id ?? "");
  const [agentId, setAgentId] = useState("");
  const create = useCreateTarget();
  const agents = places.agents.filter((agent) => agent.pool_id === poolId);
  const pool = places.pools.find((p) => p.id === poolId)?.name;
  const agent = agents.find((a) => a.id === agentId)?.name;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    create.mutate({ name, poolId, agentId: agentId || undefined }, { onSuccess: onDone });
  };
  return (
    <form onSubmit={submit} aria-label="New target">
      <Stack>
        {create.isError && (
          <Alert color="red" variant="light" role="alert" title="The target was not made">
            <ErrorText error={create.error} />
          </Alert>
        )}
        <TextInput label="Name" required maxLength={200} value={name} onChange={(e) => setName(e.currentTarget.value)} />
        <NativeSelect
          label="Pool"
          description="Agents of this pool may run scripts on it."
          value={poolId}
          onChange={(e) => {
            setPoolId(e.currentTarget.value);
            setAgentId("");
          }}
          data={places.pools.map((p) => ({ value: p.id, label: p.name }))}
        />
        <NativeSelect label="Agent" description="A script runs on the machine of the agent that takes it." value={agentId} onChange={(e) => setAgentId(e.currentTarget.value)} data={[{ value: "", label: "Any agent of the pool" }, ...agents.map((a) => ({ value: a.id, label: a.name }))]} />
        <CommandLine command={command("epo", "target", "create", name || "NAME", "--pool", pool ?? "POOL", agent !== undefined && "--agent", agent)} />
        <Group>
          <Button type="submit" loading={create.isPending} disabled={name === "" || poolId === ""}>
            Create target
          </Button>
          <Button variant="default" onClick={onDone}>
            Close
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
