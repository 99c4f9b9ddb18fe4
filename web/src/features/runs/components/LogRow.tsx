import { memo, type MouseEvent } from "react";
import { SafeText } from "@/components/ui/SafeText";
import { clock, type Zone } from "@/lib/time";
import { recordText, type LogRecord } from "../api/logRecord";
import css from "./LogRow.module.css";

export const rowHeight = 20;

/** Characters of one line that are drawn; the rest is shown when the line is opened. */
const widest = 2_000;

interface Props {
  seq: number;
  record: LogRecord | "gone" | undefined;
  zone: Zone;
  selected: boolean;
  /** The row has what is searched for; the current hit is the one that was gone to. */
  hit?: "current" | "other" | undefined;
  onOpen: (seq: number) => void;
  href: string;
}

/** LogRow is one record in one row: its first line, and a way to the rest. */
export const LogRow = memo(function LogRow({ seq, record, zone, selected, hit, onOpen, href }: Props) {
  const open = (event: MouseEvent): void => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    onOpen(seq);
  };
  const number = (
    <a className={css["number"]} href={href} onClick={open} aria-label={`Line ${seq}`} aria-current={selected ? "true" : undefined}>
      {seq}
    </a>
  );
  const look = [css["row"], hit && css["hit"], hit === "current" && css["current"], selected && css["selected"]].filter(Boolean).join(" ");
  if (record === undefined || record === "gone") {
    return (
      <div className={look}>
        {number}
        <span className="epo-quiet">{record === "gone" ? "no longer stored" : "…"}</span>
      </div>
    );
  }
  const { first, rest } = firstLine(recordText(record));
  return (
    <div className={`${look} ${css[record.stream] ?? ""}`}>
      {number}
      <span className={css["time"]}>{record.time && clock(record.time, zone)}</span>
      <span className={css["stream"]}>{record.stream}</span>
      <span className={css["text"]}>
        <SafeText line>{first}</SafeText>
        {rest && (
          <button type="button" className={css["more"]} onClick={() => onOpen(seq)} aria-label={`Open line ${seq}: ${rest}`}>
            {rest}
          </button>
        )}
      </span>
    </div>
  );
});

/** firstLine splits off what a row does not show, and says how much that is. */
export function firstLine(text: string): { first: string; rest: string | undefined } {
  const trimmed = text.replace(/(\r?\n)+$/, "");
  const end = trimmed.search(/\r?\n/);
  const line = end < 0 ? trimmed : trimmed.slice(0, end);
  const lines = end < 0 ? 0 : trimmed.slice(end).split("\n").length - 1;
  const cut = line.length > widest;
  const hidden = [cut && `${(line.length - widest).toLocaleString("en")} more characters`, lines > 0 && `${lines} more ${lines === 1 ? "line" : "lines"}`];
  const rest = hidden.filter(Boolean).join(", ");
  return { first: cut ? line.slice(0, widest) : line, rest: rest === "" ? undefined : rest };
}
