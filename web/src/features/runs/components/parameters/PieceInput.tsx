import { NativeSelect, Textarea, TextInput } from "@mantine/core";
import type { Ref } from "react";
import type { Scalar } from "../../api/control";
import type { As, Piece } from "../../api/draft";
import css from "./parameters.module.css";

interface Props {
  label: string;
  control: Scalar | { kind: "bool" };
  piece: Piece;
  onChange: (piece: Piece) => void;
  onEnter?: (() => void) | undefined;
  /** Several lines at once, where a paste brings them. */
  onLines?: ((lines: string[]) => void) | undefined;
  inputRef?: Ref<HTMLInputElement> | undefined;
  placeholder?: string | undefined;
}

const kinds: readonly { value: As; label: string }[] = [
  { value: "text", label: "text" },
  { value: "number", label: "number" },
  { value: "bool", label: "true/false" },
  { value: "json", label: "JSON" },
];

const truth = [
  { value: "", label: "choose" },
  { value: "true", label: "true" },
  { value: "false", label: "false" },
];

/** PieceInput is one value among several: of a list, a hashtable, or of no type. Without a type, one says how it is meant. */
export function PieceInput({ label, control, piece, onChange, onEnter, onLines, inputRef, placeholder }: Props) {
  const any = control.kind === "any";
  const bool = control.kind === "bool" || (any && piece.as === "bool");
  const json = any && piece.as === "json";
  const text = (value: string): void => onChange({ ...piece, text: value });
  return (
    <>
      <div className={css["grow"]}>
        {bool && <NativeSelect aria-label={label} data={truth} value={piece.text} onChange={(e) => text(e.currentTarget.value)} />}
        {(json || (!bool && piece.text.includes("\n"))) && <Textarea aria-label={label} autosize minRows={1} maxRows={12} spellCheck={false} value={piece.text} onChange={(e) => text(e.currentTarget.value)} />}
        {!bool && !json && !piece.text.includes("\n") && (
          <TextInput
            ref={inputRef}
            aria-label={label}
            placeholder={placeholder ?? (control.kind === "date" ? "2026-01-31T14:00:00" : undefined)}
            type={control.kind === "day" ? "date" : control.kind === "time" ? "time" : "text"}
            inputMode={control.kind === "whole" ? "numeric" : control.kind === "number" ? "decimal" : undefined}
            spellCheck={false}
            autoComplete="off"
            value={piece.text}
            onChange={(e) => text(e.currentTarget.value)}
            onKeyDown={(e) => {
              if (e.key !== "Enter" || !onEnter) return;
              e.preventDefault();
              onEnter();
            }}
            onPaste={(e) => {
              const lines = e.clipboardData.getData("text").split(/\r?\n/).filter((line) => line !== "");
              if (!onLines || lines.length < 2) return;
              e.preventDefault();
              onLines(lines);
            }}
          />
        )}
      </div>
      {any && (
        <div className={css["as"]}>
          <NativeSelect aria-label={`${label} is meant as`} data={[...kinds]} value={piece.as} onChange={(e) => onChange({ ...piece, as: e.currentTarget.value as As })} />
        </div>
      )}
    </>
  );
}
