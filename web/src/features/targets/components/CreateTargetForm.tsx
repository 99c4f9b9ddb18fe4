import { Alert, Button, Group, NativeSelect, Radio, Stack, TextInput } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { CommandLine } from "@/components/ui/CommandLine";
import { ErrorText } from "@/components/ui/States";
import { command } from "@/lib/cli";
import { ApiError } from "@/lib/errors";
import { useCreateTarget } from "../api/createTarget";
import type { Places } from "../api/getPlaces";
import { options, optionWords, valuesOf, type OptionTexts, type TargetKind } from "../api/targetOptions";
import { OptionFields } from "./OptionFields";

interface Props {
  places: Places;
  onDone: (id: string) => void;
  onClose: () => void;
}

const kinds: readonly { kind: TargetKind; label: string; help: string }[] = [
  { kind: "local", label: "local", help: "The machine of the agent that takes the run." },
  { kind: "ssh", label: "ssh", help: "A host with sshd that has the subsystem powershell." },
  { kind: "winrm", label: "winrm", help: "A Windows host with PowerShell remoting." },
];

/** CreateTargetForm makes a target: the machine of an agent, or a host that agents of the pool reach. */
export function CreateTargetForm({ places, onDone, onClose }: Props) {
  const [name, setName] = useState("");
  const [kind, setKind] = useState<TargetKind>("local");
  const [texts, setTexts] = useState<OptionTexts>({});
  const [poolId, setPoolId] = useState(places.pools[0]?.id ?? "");
  const [agentId, setAgentId] = useState("");
  const create = useCreateTarget();
  const agents = places.agents.filter((agent) => agent.pool_id === poolId);
  const pool = places.pools.find((p) => p.id === poolId)?.name;
  const agent = agents.find((a) => a.id === agentId)?.name;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    create.mutate({ name, kind, poolId, agentId: agentId || undefined, options: valuesOf(kind, texts) }, { onSuccess: ({ id }) => onDone(id) });
  };
  return (
    <form onSubmit={submit} aria-label="New target" noValidate>
      <Stack>
        {create.isError && (
          <Alert color="red" variant="light" role="alert" title="The target was not made">
            <ErrorText error={create.error} />
          </Alert>
        )}
        <TextInput label="Name" required maxLength={200} maw={360} value={name} onChange={(e) => setName(e.currentTarget.value)} />
        <Radio.Group label="Kind" value={kind} onChange={(next) => setKind(next)}>
          <Stack gap={6} mt={6}>
            {kinds.map((k) => (
              <Radio key={k.kind} value={k.kind} label={k.label} description={k.help} />
            ))}
          </Stack>
        </Radio.Group>
        <NativeSelect
          label="Pool"
          description="Agents of this pool may run scripts on it."
          maw={360}
          value={poolId}
          onChange={(e) => {
            setPoolId(e.currentTarget.value);
            setAgentId("");
          }}
          data={places.pools.map((p) => ({ value: p.id, label: p.name }))}
        />
        <NativeSelect label="Agent" description={kind === "local" ? "A script runs on the machine of the agent that takes it." : "Which agent reaches the host."} maw={360} value={agentId} onChange={(e) => setAgentId(e.currentTarget.value)} data={[{ value: "", label: "Any agent of the pool" }, ...agents.map((a) => ({ value: a.id, label: a.name }))]} />
        <OptionFields kind={kind} name={name} texts={texts} refused={refusedOption(create.error)} onChange={setTexts} />
        <CommandLine command={command("epo", "target", "create", name || "NAME", kind !== "local" && "--kind", kind !== "local" && kind, "--pool", pool ?? "POOL", agent !== undefined && "--agent", agent, ...optionWords(kind, texts))} />
        <Group>
          <Button type="submit" loading={create.isPending} disabled={name === "" || poolId === "" || (kind !== "local" && (texts["address"] ?? "").trim() === "")}>
            Create target
          </Button>
          <Button variant="default" onClick={onClose}>
            Close
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** refusedOption reads which option the server does not take. */
export function refusedOption(error: unknown): { option: string; message: string } | undefined {
  if (!(error instanceof ApiError) || error.details === null) return undefined;
  const { details } = error;
  return options.some((o) => o.key === details) ? { option: details, message: error.message } : undefined;
}
