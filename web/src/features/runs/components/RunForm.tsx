import { Alert, Button, Group, NumberInput, Stack } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { CommandLine } from "@/components/ui/CommandLine";
import { ErrorText } from "@/components/ui/States";
import { command, parameterWords } from "@/lib/cli";
import type { Run, Script } from "@/lib/schema";
import type { Choice } from "../api/getRunForm";
import { parseParameters } from "../api/parameters";
import { useQueueRun, type Queued } from "../api/queueRun";
import { ParameterFields } from "./ParameterFields";
import { TargetChoice } from "./TargetChoice";

export interface RunDraft {
  targetIds: string[];
  parameters: string; // JSON
  timeout: string; // seconds
  like?: Run;
}

interface Props {
  script: Script;
  choices: readonly Choice[];
  draft: RunDraft;
  onQueued: (queued: Queued) => void;
}

/** RunForm starts a run. Pressing the button twice starts one run: the request carries a key of its own. */
export function RunForm({ script, choices, draft, onQueued }: Props) {
  const [targetIds, setTargetIds] = useState(() => (choices.length === 1 && choices[0] ? [choices[0].id] : draft.targetIds));
  const [text, setText] = useState(draft.parameters);
  const [timeout, setTimeout] = useState<string | number>(draft.timeout);
  const [key, setKey] = useState(() => crypto.randomUUID());
  const queue = useQueueRun();
  const { parameters, problem } = parseParameters(text);
  const edit = <T,>(set: (value: T) => void) => (value: T): void => {
    set(value);
    setKey(crypto.randomUUID()); // another request
  };

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!parameters) return;
    const timeoutSeconds = timeout === "" ? undefined : Number(timeout);
    queue.mutate({ scriptId: script.id, targetIds, parameters, timeoutSeconds, idempotencyKey: key }, { onSuccess: onQueued });
  };
  const names = choices.filter((c) => targetIds.includes(c.id)).map((c) => c.name);
  const target = names.length === 0 ? ["--target", "TARGET"] : names.flatMap((name) => ["--target", name]);
  const given = parameterWords(parameters ?? {});

  return (
    <form onSubmit={submit} aria-label={`Run ${script.name}`}>
      <Stack>
        {queue.isError && (
          <Alert color="red" variant="light" role="alert" title="The run was not queued">
            <ErrorText error={queue.error} />
          </Alert>
        )}
        {draft.like && draft.like.script_version !== script.latest_version && (
          <Alert color="yellow" variant="light" role="status">
            The earlier run had version {draft.like.script_version}. This one takes the latest, version {script.latest_version}.
          </Alert>
        )}
        <TargetChoice choices={choices} value={targetIds} onChange={edit(setTargetIds)} />
        <ParameterFields value={text} problem={problem} onChange={edit(setText)} />
        <NumberInput label="Timeout in seconds" description="Empty: no limit of its own." min={1} max={604800} allowDecimal={false} maw={240} value={timeout} onChange={edit(setTimeout)} />
        <CommandLine command={command("epo", "run", "start", "--script", script.name, ...target, ...given, timeout !== "" && "--timeout", timeout !== "" && `${timeout}s`)} />
        <Group>
          <Button type="submit" loading={queue.isPending} disabled={targetIds.length === 0 || !parameters}>
            {targetIds.length > 1 ? `Run on ${targetIds.length} targets` : "Run"}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
