import { Button, Group, Modal, Text } from "@mantine/core";
import { useState } from "react";
import { ButtonLink } from "@/components/ui/ButtonLink";
import { CommandLine } from "@/components/ui/CommandLine";
import { ErrorText } from "@/components/ui/States";
import { command } from "@/lib/cli";
import { codeOf } from "@/lib/errors";
import { useMay } from "@/lib/roles";
import type { Run } from "@/lib/schema";
import { useCancelRun } from "../api/cancelRun";

/** RunActions: cancel while it goes on, and run the same again. */
export function RunActions({ run, open }: { run: Run; open: boolean }) {
  const operate = useMay("operate");
  if (!operate) return null;
  return (
    <>
      <ButtonLink variant="default" to="/scripts/$scriptId/run" params={{ scriptId: run.script_id }} search={{ like: run.id }}>
        Run again…
      </ButtonLink>
      {open && <Cancel run={run} />}
    </>
  );
}

function Cancel({ run }: { run: Run }) {
  const [asking, setAsking] = useState(false);
  const cancel = useCancelRun(run.id);
  const asked = run.cancel_requested_at !== null;
  const finished = codeOf(cancel.error) === "run_finished";
  return (
    <>
      <Button color="red" disabled={asked} onClick={() => setAsking(true)}>
        {asked ? "Cancelling…" : "Cancel run"}
      </Button>
      <Modal opened={asking} onClose={() => setAsking(false)} title="Cancel this run?">
        <Text size="sm" mb="md">
          Scripts that run are stopped with all they started. Targets that wait are not started.
        </Text>
        {cancel.isError && (
          <Text size="sm" c="red" mb="md" component="div" role="alert">
            {finished ? "It ended meanwhile." : <ErrorText error={cancel.error} />}
          </Text>
        )}
        <CommandLine command={command("epo", "run", "cancel", run.id)} />
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={() => setAsking(false)}>
            Keep running
          </Button>
          <Button color="red" loading={cancel.isPending} onClick={() => cancel.mutate(undefined, { onSuccess: () => setAsking(false) })}>
            Cancel the run
          </Button>
        </Group>
      </Modal>
    </>
  );
}
