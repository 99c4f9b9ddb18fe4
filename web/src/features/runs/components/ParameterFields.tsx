import { JsonInput, SegmentedControl, Stack } from "@mantine/core";
import { useMemo } from "react";
import { SafeText } from "@/components/ui/SafeText";
import { inspected, type Inspection } from "@/lib/inspection";
import type { Held } from "../api/draft";
import { fieldsOf, findParameter, jsonText, takesUnknown, withMode, withSet, withText, withValue, type Field, type FormState } from "../api/parameterForm";
import { ExtraFields } from "./parameters/ExtraFields";
import { FieldRow } from "./parameters/FieldRow";
import css from "./parameters/parameters.module.css";
import { SetChoice } from "./parameters/SetChoice";

export interface Rejection {
  parameter: string;
  message: string;
}

interface Props {
  inspection: Inspection | null | undefined;
  state: FormState;
  onChange: (state: FormState) => void;
  /** The form was sent once: what is missing is told. */
  tried: boolean;
  /** What the server said about one parameter. */
  rejected: Rejection | undefined;
}

/** ParameterFields asks for a script's parameters: with a control each where its param() block is known, else as JSON. */
export function ParameterFields({ inspection, state, onChange, tried, rejected }: Props) {
  const known = inspected(inspection) ? inspection : undefined;
  const mode = known ? (state.mode ?? "form") : "json";
  return (
    <Stack gap="sm">
      {known && (
        <SegmentedControl
          aria-label="How to give parameters"
          size="xs"
          style={{ alignSelf: "flex-start" }}
          data={[
            { value: "form", label: "Form", disabled: state.textProblem !== undefined },
            { value: "json", label: "JSON" },
          ]}
          value={mode}
          onChange={(next) => onChange(withMode(state, next))}
        />
      )}
      {mode === "json" && <RawParameters known={known} state={state} onChange={onChange} tried={tried} />}
      {mode === "form" && known && <Form inspection={known} state={state} onChange={onChange} tried={tried} rejected={rejected} />}
    </Stack>
  );
}

/** RawParameters takes the parameters as one JSON object; the rules of the param() block hold here too. */
function RawParameters({ known, state, onChange, tried }: Pick<Props, "state" | "onChange" | "tried"> & { known: Inspection | undefined }) {
  const problems = useMemo(() => {
    if (!known || state.textProblem !== undefined) return [];
    const { fields, extras } = fieldsOf(state, known);
    const wrong = [...fields, ...extras].filter((f) => f.problem !== undefined).map((f) => `${f.key}: ${f.problem}`);
    return tried ? [...wrong, ...fields.filter((f) => f.missing).map((f) => `${f.key}: This is needed.`)] : wrong;
  }, [known, state, tried]);
  return (
    <div data-parameter="">
      <JsonInput
        label="Parameters"
        description='As JSON, name to value: {"Path": "/tmp", "Recurse": true}'
        error={state.textProblem ?? (problems.length > 0 ? problems.map((p, i) => <SafeText key={i}>{p + (i < problems.length - 1 ? " · " : "")}</SafeText>) : undefined)}
        autosize
        minRows={3}
        maxRows={16}
        spellCheck={false}
        styles={{ input: { fontFamily: "var(--epo-mono)" } }}
        value={jsonText(state)}
        onChange={(text) => onChange(withText(state, text))}
      />
    </div>
  );
}

function Form({ inspection, state, onChange, tried, rejected }: Omit<Props, "inspection"> & { inspection: Inspection }) {
  const { fields, extras, sets, set } = useMemo(() => fieldsOf(state, inspection), [state, inspection]);
  const change = (key: string, held: Held | undefined): void => onChange(withValue(state, key, held));
  const refused = rejected && findParameter(fields.map((f) => f.parameter), rejected.parameter);
  const row = (field: Field) => <FieldRow key={field.parameter.name} field={field} tried={tried} rejected={field.parameter === refused ? rejected?.message : undefined} onChange={(held) => change(field.key, held)} />;
  const own = fields.filter((f) => !f.common);
  const common = fields.filter((f) => f.common);
  return (
    <Stack gap="md">
      <SetChoice inspection={inspection} sets={sets} value={set} onChange={(next) => onChange(withSet(state, inspection, next))} />
      {own.length === 0 && extras.length === 0 && <div className="epo-quiet">The script has no parameters{sets.length > 0 ? " in this set" : ""}.</div>}
      {own.map(row)}
      <ExtraFields extras={extras} open={takesUnknown(inspection)} onChange={change} />
      {common.length > 0 && (
        <details className={css["folded"]} open={common.some((f) => f.held !== undefined) || undefined}>
          <summary>Common parameters</summary>
          <Stack gap="sm" mt="xs" mb="xs">
            {common.map(row)}
          </Stack>
        </details>
      )}
    </Stack>
  );
}
