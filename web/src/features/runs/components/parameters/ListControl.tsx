import { Button } from "@mantine/core";
import { useLayoutEffect, useRef } from "react";
import { plain } from "@/lib/text";
import type { Control } from "../../api/control";
import { holdItems, textPiece, type Piece } from "../../api/draft";
import { placeholderOf } from "./Description";
import { shownDraft, type ControlProps } from "./field";
import { Group } from "./Group";
import css from "./parameters.module.css";
import { PieceInput } from "./PieceInput";

/** ListControl asks for a list, a value a row. Enter makes the next row, and pasted lines become rows. */
export function ListControl({ field, control, error, onChange }: ControlProps<Extract<Control, { kind: "list" }>>) {
  const name = plain(field.parameter.name);
  const draft = shownDraft(control, field.held);
  const items = draft && "items" in draft ? draft.items : [];
  const last = useRef<HTMLInputElement>(null);
  const adding = useRef(false);
  useLayoutEffect(() => {
    if (adding.current) last.current?.focus();
    adding.current = false;
  }, [items.length]);
  const set = (next: readonly Piece[]): void => onChange(holdItems(control.item, next));
  const add = (at: number): void => {
    adding.current = true;
    set([...items.slice(0, at), textPiece(""), ...items.slice(at)]);
  };
  return (
    <Group field={field} error={error} more={field.held && items.length === 0 && <span className={css["facts"]}>An empty list is sent.</span>}>
      <div className={css["rows"]}>
        {items.map((item, i) => (
          <div key={i} className={css["row"]}>
            <PieceInput
              label={`${name}, value ${i + 1}`}
              control={control.item}
              piece={item}
              inputRef={i === items.length - 1 ? last : undefined}
              onChange={(piece) => set(items.map((other, at) => (at === i ? piece : other)))}
              onEnter={() => add(items.length)}
              onLines={(lines) => set([...items.slice(0, i), ...lines.map(textPiece), ...items.slice(i + (item.text === "" ? 1 : 0))])}
            />
            <Button size="compact-sm" variant="default" aria-label={`Remove value ${i + 1} of ${name}`} onClick={() => set(items.filter((_, at) => at !== i))}>
              ✕
            </Button>
          </div>
        ))}
        <div className={css["row"]}>
          <Button size="compact-sm" variant="default" aria-label={`Add a value to ${name}`} onClick={() => add(items.length)}>
            Add a value
          </Button>
          {items.length === 0 && !field.held && <span className="epo-quiet">{placeholderOf(field.parameter)}</span>}
        </div>
      </div>
    </Group>
  );
}
