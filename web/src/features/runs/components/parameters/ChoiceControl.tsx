import { Checkbox, NativeSelect } from "@mantine/core";
import { plain } from "@/lib/text";
import { matches, plainText } from "../../api/control";
import type { Control } from "../../api/control";
import { textPiece } from "../../api/draft";
import { defaultText, Description } from "./Description";
import { pieceText, shownDraft, type ControlProps } from "./field";
import { Group } from "./Group";
import css from "./parameters.module.css";

type Kind<K extends Control["kind"]> = Extract<Control, { kind: K }>;

/** SwitchControl: on is sent, off is left out. */
export function SwitchControl({ field, error, onChange }: ControlProps) {
  const { parameter, held } = field;
  return (
    <Checkbox
      label={plain(parameter.name)}
      description={<Description parameter={parameter} more={held?.json === false && <span className={css["facts"]}>False is sent.</span>} />}
      error={error && plain(error)}
      checked={held?.json === true}
      onChange={(e) => onChange(e.currentTarget.checked ? { json: true } : undefined)}
    />
  );
}

/** notGiven is the first line of a choice: nothing is sent, and the script's default holds. */
function notGiven(field: ControlProps["field"]): { value: string; label: string } {
  const text = defaultText(field.parameter.default);
  return { value: "", label: text === undefined || text === "" ? "Not given" : `Not given (default ${plain(text).slice(0, 60)})` };
}

export function BoolControl({ field, error, onChange }: ControlProps) {
  const { parameter, held } = field;
  return (
    <NativeSelect
      label={plain(parameter.name)}
      description={<Description parameter={parameter} />}
      required={field.mandatory}
      error={error && plain(error)}
      data={[notGiven(field), { value: "true", label: "True" }, { value: "false", label: "False" }]}
      value={typeof held?.json === "boolean" ? String(held.json) : ""}
      onChange={(e) => onChange(e.currentTarget.value === "" ? undefined : { json: e.currentTarget.value === "true" })}
    />
  );
}

/** ChoiceControl chooses one of the values that the script allows. */
export function ChoiceControl({ field, control, error, onChange }: ControlProps<Kind<"choice">>) {
  const { parameter, held } = field;
  const text = pieceText(control, held);
  const chosen = control.values.findIndex((v) => matches(text, v, control.ignoreCase));
  return (
    <NativeSelect
      label={plain(parameter.name)}
      description={<Description parameter={parameter} />}
      required={field.mandatory}
      error={error && plain(error)}
      data={[notGiven(field), ...control.values.map((v, i) => ({ value: String(i), label: plain(plainText(v) ?? "null") || "(empty)" }))]}
      value={chosen < 0 ? "" : String(chosen)}
      onChange={(e) => {
        const value = control.values[e.currentTarget.value === "" ? -1 : Number(e.currentTarget.value)];
        onChange(value === undefined ? undefined : { json: value, draft: { piece: textPiece(plainText(value) ?? "") } });
      }}
    />
  );
}

/** ChoicesControl chooses some of the values that the script allows, in the order in which they are chosen. */
export function ChoicesControl({ field, control, error, onChange }: ControlProps<Kind<"choices">>) {
  const draft = shownDraft(control, field.held);
  const items = draft && "items" in draft ? draft.items : [];
  const json = Array.isArray(field.held?.json) ? field.held.json : [];
  const toggle = (index: number, on: boolean): void => {
    const value = control.values[index];
    if (value === undefined) return;
    const next = on ? [...json, value] : json.filter((v) => !matches(v, value, control.ignoreCase));
    onChange(next.length === 0 ? undefined : { json: next, draft: { items: next.map((v) => textPiece(plainText(v) ?? "")) } });
  };
  return (
    <Group field={field} error={error}>
      <div className={css["rows"]}>
        {control.values.map((value, i) => (
          <Checkbox key={i} label={plain(plainText(value) ?? "null")} checked={items.some((item) => matches(item.text, value, control.ignoreCase))} onChange={(e) => toggle(i, e.currentTarget.checked)} />
        ))}
      </div>
    </Group>
  );
}
