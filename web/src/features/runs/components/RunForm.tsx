import { Alert, Button, Group, NumberInput, Stack } from "@mantine/core";
import { useRef, useState, type FormEvent } from "react";
import { CommandLine } from "@/components/ui/CommandLine";
import { ErrorText } from "@/components/ui/States";
import { command, parameterWords } from "@/lib/cli";
import { ApiError, codeOf } from "@/lib/errors";
import { blocking, inspected, type Inspection } from "@/lib/inspection";
import type { Script } from "@/lib/schema";
import type { EarlierRun } from "../api/getLastRun";
import type { Choice } from "../api/getRunForm";
import { fieldsOf, firstProblem, formOf, valuesOf, withObject, type FormState } from "../api/parameterForm";
import { useQueueRun, type Queued } from "../api/queueRun";
import { ParameterFields, type Rejection } from "./ParameterFields";
import { InspectionNotice } from "./parameters/InspectionNotice";
import { LastValues } from "./parameters/LastValues";
import { TargetChoice } from "./TargetChoice";

export interface RunDraft {
  targetIds: string[];
  timeout: string; // seconds
  /** The run whose targets and parameters are taken over. */
  like?: EarlierRun;
}

interface Props {
  script: Script;
  choices: readonly Choice[];
  draft: RunDraft;
  /** What is known about the parameters; null where nothing is. */
  inspection: Inspection | null | undefined;
  /** The user's last run of this script. */
  last: EarlierRun | null | undefined;
  onQueued: (queued: Queued) => void;
}

/** RunForm starts a run. Pressing the button twice starts one run: the request carries a key of its own. */
export function RunForm({ script, choices, draft, inspection, last, onQueued }: Props) {
  const [targetIds, setTargetIds] = useState(() => onlyOne(choices) ?? draft.targetIds);
  const [form, setForm] = useState<FormState>(() => formOf(draft.like?.parameters ?? new Map<string, never>()));
  const [timeout, setTimeout] = useState<string | number>(draft.timeout);
  const [key, setKey] = useState(() => crypto.randomUUID());
  const [tried, setTried] = useState(false);
  const [told, setTold] = useState<Rejection>();
  const element = useRef<HTMLFormElement>(null);
  const queue = useQueueRun();
  const parameters = valuesOf(form);
  const edit = <T,>(set: (value: T) => void) => (value: T): void => {
    set(value);
    setTold(undefined);
    setKey(crypto.randomUUID()); // another request
  };

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const problem = inspected(inspection) ? firstProblem(fieldsOf(form, inspection)) : undefined;
    setTried(true);
    if (problem !== undefined) return focusOn(element.current, problem);
    const timeoutSeconds = timeout === "" ? undefined : Number(timeout);
    const onError = (error: unknown): void => {
      const rejection = rejectionOf(error);
      setTold(rejection);
      if (rejection) focusOn(element.current, rejection.parameter);
    };
    queue.mutate({ scriptId: script.id, scriptVersionId: script.latest_version_id ?? undefined, targetIds, parameters, timeoutSeconds, idempotencyKey: key }, { onSuccess: onQueued, onError });
  };
  const names = choices.filter((c) => targetIds.includes(c.id)).map((c) => c.name);
  const target = names.length === 0 ? ["--target", "TARGET"] : names.flatMap((name) => ["--target", name]);
  const blocked = blocking(inspection).length > 0;

  return (
    <form ref={element} onSubmit={submit} noValidate aria-label={`Run ${script.name}`}>
      <Stack>
        {queue.isError && (
          <Alert color="red" variant="light" role="alert" title="The run was not queued">
            <ErrorText error={queue.error} />
          </Alert>
        )}
        {draft.like && draft.like.version !== script.latest_version && (
          <Alert color="yellow" variant="light" role="status">
            The earlier run had version {draft.like.version}. This one takes the latest, version {script.latest_version}.
          </Alert>
        )}
        <InspectionNotice scriptId={script.id} version={script.latest_version} inspection={inspection} />
        <TargetChoice choices={choices} value={targetIds} onChange={edit(setTargetIds)} />
        {!draft.like && <LastValues run={last} onUse={(values) => edit(setForm)(withObject(form, values))} />}
        <ParameterFields inspection={inspection} state={form} onChange={edit(setForm)} tried={tried} rejected={told} />
        <NumberInput label="Timeout in seconds" description="Empty: no limit of its own." min={1} max={604800} allowDecimal={false} maw={240} value={timeout} onChange={edit(setTimeout)} />
        <CommandLine command={command("epo", "run", "start", "--script", script.name, ...target, ...parameterWords(parameters), timeout !== "" && "--timeout", timeout !== "" && `${timeout}s`)} />
        <Group>
          <Button type="submit" loading={queue.isPending} disabled={targetIds.length === 0 || form.textProblem !== undefined || blocked}>
            {targetIds.length > 1 ? `Run on ${targetIds.length} targets` : "Run"}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** onlyOne is the target, where there is nothing to choose. */
function onlyOne(choices: readonly Choice[]): string[] | undefined {
  const usable = choices.filter((c) => !c.disabled);
  return usable.length === 1 ? usable.map((c) => c.id) : undefined;
}

/** rejectionOf reads which parameter the server refused. */
function rejectionOf(error: unknown): Rejection | undefined {
  if (codeOf(error) !== "parameter_rejected" || !(error instanceof ApiError) || error.details === null) return undefined;
  return { parameter: error.details, message: error.message };
}

/** focusOn leads to the field of a parameter, or to the raw JSON. */
function focusOn(form: HTMLFormElement | null, key: string): void {
  const fields = [...(form?.querySelectorAll<HTMLElement>("[data-parameter]") ?? [])];
  const field = fields.find((f) => f.dataset["parameter"]?.toLowerCase() === key.toLowerCase()) ?? fields.find((f) => f.dataset["parameter"] === "");
  const fold = field?.closest("details");
  if (fold) fold.open = true;
  field?.querySelector<HTMLElement>("input, textarea, select, button")?.focus();
}
