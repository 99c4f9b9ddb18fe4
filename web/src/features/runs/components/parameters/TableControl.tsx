import { Button, TextInput } from "@mantine/core";
import { plain } from "@/lib/text";
import { holdRows, type Row } from "../../api/draft";
import { placeholderOf } from "./Description";
import { shownDraft, type ControlProps } from "./field";
import { Group } from "./Group";
import css from "./parameters.module.css";
import { PieceInput } from "./PieceInput";

/** TableControl asks for a hashtable, a key and its value a row. */
export function TableControl({ field, control, error, onChange }: ControlProps) {
  const name = plain(field.parameter.name);
  const draft = shownDraft(control, field.held);
  const rows = draft && "rows" in draft ? draft.rows : [];
  const set = (next: readonly Row[]): void => onChange(holdRows(next));
  const change = (at: number, part: Partial<Row>): void => set(rows.map((row, i) => (i === at ? { ...row, ...part } : row)));
  return (
    <Group field={field} error={error} more={field.held && rows.length === 0 && <span className={css["facts"]}>An empty hashtable is sent.</span>}>
      <div className={css["rows"]}>
        {rows.map((row, i) => (
          <div key={i} className={css["row"]}>
            <TextInput className={css["grow"]} aria-label={`${name}, key ${i + 1}`} placeholder="Key" spellCheck={false} autoComplete="off" value={row.key} onChange={(e) => change(i, { key: e.currentTarget.value })} />
            <PieceInput label={`${name}, value ${i + 1}`} placeholder="Value" control={{ kind: "any" }} piece={row} onChange={(piece) => change(i, piece)} />
            <Button size="compact-sm" variant="default" aria-label={`Remove row ${i + 1} of ${name}`} onClick={() => set(rows.filter((_, at) => at !== i))}>
              ✕
            </Button>
          </div>
        ))}
        <div className={css["row"]}>
          <Button size="compact-sm" variant="default" aria-label={`Add a row to ${name}`} onClick={() => set([...rows, { key: "", text: "", as: "text" }])}>
            Add a row
          </Button>
          {!field.held && <span className="epo-quiet">{placeholderOf(field.parameter)}</span>}
        </div>
      </div>
    </Group>
  );
}
