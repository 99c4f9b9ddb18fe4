import { Textarea } from "@mantine/core";
import { plain } from "@/lib/text";
import { holdRaw, readAny, textPiece, type Piece } from "../../api/draft";
import { Description, placeholderOf } from "./Description";
import { pieceText, shownDraft, type ControlProps } from "./field";
import { Group } from "./Group";
import css from "./parameters.module.css";
import { PieceInput } from "./PieceInput";

/** AnyControl asks for a value of a parameter that has no type. */
export function AnyControl({ field, control, error, onChange }: ControlProps) {
  const draft = shownDraft(control, field.held);
  const piece = draft && "piece" in draft ? draft.piece : textPiece("");
  const change = (next: Piece): void => {
    const empty = next.text === "" && next.as === "text";
    onChange(empty ? undefined : { draft: { piece: next }, ...readAny(next) });
  };
  return (
    <Group field={field} error={error}>
      <div className={css["row"]}>
        <PieceInput label={plain(field.parameter.name)} control={{ kind: "any" }} piece={piece} placeholder={placeholderOf(field.parameter)} onChange={change} />
      </div>
    </Group>
  );
}

/** CodeControl asks for PowerShell code, which is sent as the text that it is. */
export function CodeControl({ field, control, error, onChange }: ControlProps) {
  const { parameter, held } = field;
  return (
    <Textarea
      label={plain(parameter.name)}
      description={
        <Description
          parameter={parameter}
          more={<span className={css["facts"]}>Parameters are data: this is sent as text and nothing runs it on the way. PowerShell makes no [scriptblock] of a text by itself, so the script has to take a [string] and call [scriptblock]::Create.</span>}
        />
      }
      required={field.mandatory}
      error={error && plain(error)}
      placeholder={held ? undefined : placeholderOf(parameter)}
      autosize
      minRows={3}
      maxRows={20}
      spellCheck={false}
      styles={{ input: { fontFamily: "var(--epo-mono)" } }}
      value={pieceText(control, held)}
      onChange={(e) => onChange(e.currentTarget.value === "" ? undefined : { json: e.currentTarget.value, draft: { piece: textPiece(e.currentTarget.value) } })}
    />
  );
}

/** JsonControl is the control of a type that has none, and of a value that the control of its type cannot show. */
export function JsonControl({ field, control, error, onChange }: ControlProps) {
  const { parameter, held } = field;
  const draft = shownDraft(control, held);
  return (
    <Textarea
      label={plain(parameter.name)}
      description={<Description parameter={parameter} more={<span className={css["facts"]}>As JSON: text stands between double quotes.</span>} />}
      required={field.mandatory}
      error={error && plain(error)}
      placeholder={held ? undefined : placeholderOf(parameter)}
      autosize
      minRows={2}
      maxRows={16}
      spellCheck={false}
      styles={{ input: { fontFamily: "var(--epo-mono)" } }}
      value={draft && "raw" in draft ? draft.raw : ""}
      onChange={(e) => onChange(holdRaw(e.currentTarget.value))}
    />
  );
}

/** SecretNote stands where a secret would be typed: there is no safe way to send one yet, so none is taken. */
export function SecretNote({ field, error }: ControlProps) {
  return (
    <Group field={field} error={error}>
      <div className={css["note"]} role="note">
        {field.mandatory ? "The script needs a credential. " : "A credential. "}
        EPO takes none yet: sealed credentials come with a later release, and until then nothing secret is sent in plain text.
      </div>
    </Group>
  );
}
