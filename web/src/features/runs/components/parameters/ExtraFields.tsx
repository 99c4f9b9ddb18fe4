import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import { SafeText } from "@/components/ui/SafeText";
import { plain } from "@/lib/text";
import { anyPiece, readAny, textPiece, type Held } from "../../api/draft";
import type { Extra } from "../../api/parameterForm";
import css from "./parameters.module.css";
import { PieceInput } from "./PieceInput";

interface Props {
  extras: readonly Extra[];
  /** The script may know more names than its param() block: one can add them. */
  open: boolean;
  onChange: (key: string, held: Held | undefined) => void;
}

/** ExtraFields holds values whose names the param() block does not have. They are kept, and told. */
export function ExtraFields({ extras, open, onChange }: Props) {
  if (extras.length === 0 && !open) return null;
  return (
    <fieldset className={css["group"]}>
      <legend className={css["legend"]}>Other parameters</legend>
      {open && <div className={css["description"]}>The script can have parameters that its param() block does not name.</div>}
      <div className={css["rows"]}>
        {extras.map((extra) => (
          <ExtraRow key={extra.key} extra={extra} onChange={(held) => onChange(extra.key, held)} />
        ))}
        {open && <AddName onAdd={(name) => onChange(name, { json: "", draft: { piece: textPiece("") } })} />}
      </div>
    </fieldset>
  );
}

function ExtraRow({ extra, onChange }: { extra: Extra; onChange: (held: Held | undefined) => void }) {
  const { key, held, problem } = extra;
  const name = plain(key);
  const piece = held.draft && "piece" in held.draft ? held.draft.piece : held.json === undefined ? textPiece("") : anyPiece(held.json);
  return (
    <div data-parameter={key}>
      <div className="epo-mono">
        <SafeText>{key}</SafeText>
      </div>
      <div className={css["row"]}>
        <PieceInput label={name} control={{ kind: "any" }} piece={piece} onChange={(next) => onChange({ draft: { piece: next }, ...readAny(next) })} />
        <Button size="compact-sm" variant="default" aria-label={`Leave out ${name}`} onClick={() => onChange(undefined)}>
          ✕
        </Button>
      </div>
      {problem !== undefined && (
        <div className={css["error"]} role="alert">
          <SafeText>{problem}</SafeText>
        </div>
      )}
    </div>
  );
}

function AddName({ onAdd }: { onAdd: (name: string) => void }) {
  const [name, setName] = useState("");
  const add = (): void => {
    if (name.trim() === "") return;
    onAdd(name.trim().replace(/^-/, ""));
    setName("");
  };
  return (
    <div className={css["row"]}>
      <TextInput
        className={css["grow"]}
        aria-label="Name of another parameter"
        placeholder="Name"
        value={name}
        spellCheck={false}
        autoComplete="off"
        onChange={(e) => setName(e.currentTarget.value)}
        onKeyDown={(e) => {
          if (e.key !== "Enter") return;
          e.preventDefault();
          add();
        }}
      />
      <Button size="compact-sm" variant="default" disabled={name.trim() === ""} onClick={add}>
        Add
      </Button>
    </div>
  );
}
