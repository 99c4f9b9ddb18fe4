import { Alert, Button, Group, NativeSelect, Stack, Text } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { CommandLine } from "@/components/ui/CommandLine";
import { Data } from "@/components/ui/Data";
import { Panel } from "@/components/ui/Page";
import { Empty, ErrorText } from "@/components/ui/States";
import { When } from "@/components/ui/When";
import { command } from "@/lib/cli";
import type { Pool } from "@/lib/schema";
import { useCreateEnrollmentToken } from "../api/createEnrollmentToken";
import { usePools } from "../api/getPools";

/** EnrollPanel makes a token that registers one agent, and says what to type where. */
export function EnrollPanel({ onClose }: { onClose: () => void }) {
  const pools = usePools();
  return (
    <Panel title="Enroll an agent" padded side={<Button size="compact-xs" variant="default" onClick={onClose}>Close</Button>}>
      <Data query={pools} empty={(all) => all.length === 0 && <Empty title="There is no pool yet">Make one below: an agent belongs to a pool.</Empty>}>
        {(all) => <EnrollForm pools={all} />}
      </Data>
    </Panel>
  );
}

const lifetimes = [
  { value: "600", label: "10 minutes" },
  { value: "3600", label: "1 hour" },
];

function EnrollForm({ pools }: { pools: readonly Pool[] }) {
  const [poolId, setPoolId] = useState(pools[0]?.id ?? "");
  const [ttl, setTtl] = useState("3600");
  const create = useCreateEnrollmentToken();
  const pool = pools.find((p) => p.id === poolId);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    create.mutate({ poolId, ttlSeconds: Number(ttl) });
  };
  if (create.data) {
    return (
      <Stack>
        <Text size="sm">
          Type this on the machine that shall run scripts. The token works once, until <When at={create.data.expires_at} />, and is not shown again.
        </Text>
        <CommandLine label="Enroll" command={command("epo-agent", "enroll", "--server", location.origin, "--token", create.data.token)} />
        <CommandLine label="Then start it" command="epo-agent run" />
        <Group>
          <Button variant="default" onClick={() => create.reset()}>
            Another token
          </Button>
        </Group>
      </Stack>
    );
  }
  return (
    <form onSubmit={submit} aria-label="Enroll an agent">
      <Stack>
        {create.isError && (
          <Alert color="red" variant="light" role="alert" title="No token was made">
            <ErrorText error={create.error} />
          </Alert>
        )}
        <Group align="flex-end">
          <NativeSelect label="Pool" value={poolId} onChange={(e) => setPoolId(e.currentTarget.value)} data={pools.map((p) => ({ value: p.id, label: p.name }))} />
          <NativeSelect label="Good for" value={ttl} onChange={(e) => setTtl(e.currentTarget.value)} data={lifetimes} />
          <Button type="submit" loading={create.isPending}>
            Make a token
          </Button>
        </Group>
        <CommandLine command={command("epo", "agent", "enroll-token", "--pool", pool?.name ?? "POOL", "--ttl", `${ttl}s`)} />
      </Stack>
    </form>
  );
}
