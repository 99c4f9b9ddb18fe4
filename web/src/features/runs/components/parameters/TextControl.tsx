import { Button, Textarea, TextInput } from "@mantine/core";
import { useId, useState } from "react";
import { plain } from "@/lib/text";
import type { Scalar } from "../../api/control";
import { holdPiece, textPiece } from "../../api/draft";
import { readSpan } from "../../api/timeText";
import { Description, placeholderOf } from "./Description";
import { pieceText, type ControlProps } from "./field";
import css from "./parameters.module.css";

/** TextControl asks for one value in one field: text, numbers, durations, GUIDs, dates without time. */
export function TextControl({ field, control, error, onChange }: ControlProps<Scalar>) {
  const { parameter, held } = field;
  const text = pieceText(control, held);
  const [tall, setTall] = useState(false);
  const list = useId();
  const free = control.kind === "text";
  const change = (value: string): void => onChange(holdPiece(control, textPiece(value)));
  const shared = {
    label: plain(parameter.name),
    description: <Description parameter={parameter} more={<More field={field} text={text} control={control} />} />,
    required: field.mandatory,
    error: error && plain(error),
    placeholder: held ? undefined : placeholderOf(parameter),
    value: text,
    spellCheck: false,
    autoComplete: "off",
  };
  if (free && (control.lines || tall || text.includes("\n"))) return <Textarea {...shared} autosize minRows={2} maxRows={16} onChange={(e) => change(e.currentTarget.value)} />;
  const completions = parameter.completions.slice(0, 200);
  return (
    <>
      <TextInput {...shared} type={inputType(control)} inputMode={control.kind === "whole" ? "numeric" : control.kind === "number" ? "decimal" : undefined} list={completions.length > 0 ? list : undefined} onChange={(e) => change(e.currentTarget.value)} />
      {completions.length > 0 && (
        <datalist id={list}>
          {completions.map((c) => (
            <option key={c} value={c} />
          ))}
        </datalist>
      )}
      {free && (
        <div className={css["row"]}>
          <Button size="compact-sm" variant="subtle" aria-label={`Several lines for ${plain(parameter.name)}`} onClick={() => setTall(true)}>
            Several lines
          </Button>
          {!held && !field.mandatory && (
            <Button size="compact-sm" variant="subtle" aria-label={`Empty text for ${plain(parameter.name)}`} onClick={() => onChange({ json: "", draft: { piece: textPiece("") } })}>
              Empty text
            </Button>
          )}
        </div>
      )}
    </>
  );
}

function inputType(control: Scalar): string {
  if (control.kind === "day") return "date";
  return control.kind === "time" ? "time" : "text";
}

/** More says what a typed value becomes, where that is not what stands there. */
function More({ field: { held }, text, control }: { field: ControlProps["field"]; text: string; control: Scalar }) {
  if (held?.json === "" && control.kind === "text") return <span className={css["facts"]}>An empty text is sent.</span>;
  const span = control.kind === "span" && text !== "" ? readSpan(text) : undefined;
  if (control.kind === "span" && text === "") return <span className={css["facts"]}>Such as 00:05:00, 1.12:00:00, 90 s or 2 h.</span>;
  if (span !== undefined && span !== text) return <span className={css["facts"]}>Sent as {span}</span>;
  if (control.kind === "number" && tooLong(text)) return <span className={css["facts"]}>PowerShell cannot get all of these digits.</span>;
  return null;
}

/** tooLong: a double holds 15 digits; the agent passes more of them as a decimal, up to 28 in all and never with an exponent. */
function tooLong(text: string): boolean {
  const [mantissa = "", exponent] = text.split(/[eE]/);
  const digits = mantissa.replace(/\D/g, "");
  return digits.replace(/^0+/, "").length > 15 && (exponent !== undefined || digits.length > 28);
}
