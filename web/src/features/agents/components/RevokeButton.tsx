import { Button, Group, Modal, Text } from "@mantine/core";
import { useState } from "react";
import { CommandLine } from "@/components/ui/CommandLine";
import { SafeText } from "@/components/ui/SafeText";
import { ErrorText } from "@/components/ui/States";
import { command } from "@/lib/cli";
import { plain } from "@/lib/text";
import type { Agent } from "@/lib/schema";
import { useRevokeAgent } from "../api/revokeAgent";

/** RevokeButton takes an agent's right to work away, after a question. */
export function RevokeButton({ agent }: { agent: Agent }) {
  const [asking, setAsking] = useState(false);
  const revoke = useRevokeAgent();
  return (
    <>
      <Button size="compact-xs" variant="default" onClick={() => setAsking(true)} aria-label={`Revoke agent ${plain(agent.name)}`}>
        Revoke
      </Button>
      <Modal opened={asking} onClose={() => setAsking(false)} title="Revoke this agent?">
        <Text size="sm" mb="md" component="div">
          <SafeText>{agent.name}</SafeText> can do nothing more; what it runs now becomes unknown. To come back it has to be enrolled anew.
        </Text>
        {revoke.isError && (
          <Text c="red" size="sm" mb="md" component="div" role="alert">
            <ErrorText error={revoke.error} />
          </Text>
        )}
        <CommandLine command={command("epo", "agent", "revoke", agent.name)} />
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={() => setAsking(false)}>
            Keep it
          </Button>
          <Button color="red" loading={revoke.isPending} onClick={() => revoke.mutate(agent.id, { onSuccess: () => setAsking(false) })}>
            Revoke the agent
          </Button>
        </Group>
      </Modal>
    </>
  );
}
