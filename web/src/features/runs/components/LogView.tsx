import { Alert, Group, Progress } from "@mantine/core";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Empty, ErrorText } from "@/components/ui/States";
import { VirtualRows, type VirtualHandle } from "@/components/ui/VirtualRows";
import { useZone } from "@/lib/preferences";
import type { Attempt } from "@/lib/schema";
import { streams as allStreams, lineStreams, type Stream } from "../api/logRecord";
import { useFind } from "../api/useFind";
import { rowsOf, useIndex, useLogCache, type Rows } from "../api/useLog";
import { LogRow, rowHeight } from "./LogRow";
import { LogToolbar } from "./LogToolbar";
import { ProgressBars } from "./ProgressBars";
import { RecordDetail } from "./RecordDetail";

/** Beyond this many records a filter is not set by itself: the end is known only when all of it was searched. */
const filterByItself = 100_000;

export interface LogChoice {
  streams?: readonly Stream[] | undefined;
  find?: string | undefined;
  /** Show the records that have the text, and no others. */
  only?: boolean | undefined;
  /** The line that is opened, and linked to. */
  line?: number | undefined;
}

interface Props {
  attempt: Attempt;
  open: boolean;
  choice: LogChoice;
  onChoice: (choice: LogChoice) => void;
  linkTo: (line: number) => string;
}

/** LogView is the log of one attempt, however long: what is in sight is read, and little more. */
export function LogView({ attempt, open, choice, onChoice, linkTo }: Props) {
  const total = attempt.next_seq - 1;
  const [byItself] = useState(() => (total <= filterByItself ? lineStreams : allStreams));
  const streams = choice.streams ?? byItself;
  const cache = useLogCache(attempt.id);
  const { rows, hits } = useLogRows(attempt.id, total, streams, choice);
  const [follow, setFollow] = useState(open && choice.line === undefined);
  const zone = useZone();
  const list = useRef<VirtualHandle>(null);
  const { range, onRange, failed } = useVisible(rows, cache, total);
  useReveal(list, rows, choice.line);
  const goTo = useGoTo(list, rows, setFollow);
  const find = useFind(hits, total, rows.at(range.first), goTo, choice.line !== undefined);

  const select = useCallback((line: number | undefined) => onChoice({ ...choice, line }), [choice, onChoice]);
  const draw = (index: number) => {
    const seq = rows.at(index);
    const hit = find?.has(seq) ? (seq === find.seq ? "current" : "other") : undefined;
    return <LogRow key={seq} seq={seq} record={cache.get(seq)} zone={zone} selected={seq === choice.line} hit={hit} onOpen={select} href={linkTo(seq)} />;
  };

  return (
    <div>
      <LogToolbar
        attempt={attempt}
        streams={streams}
        text={choice.find ?? ""}
        only={choice.only ?? false}
        find={find}
        follow={follow}
        open={open}
        onFollow={setFollow}
        onChoice={(c) => onChoice({ ...choice, ...c, line: undefined })}
      />
      {(failed ?? rows.failed) !== undefined && (
        <Alert color="yellow" variant="light" role="alert" title="Part of the log could not be read; trying again">
          <ErrorText error={failed ?? rows.failed} />
        </Alert>
      )}
      {open && <ProgressBars cache={cache} total={total} />}
      {rows.scanned !== undefined && <Progress value={(100 * rows.scanned) / Math.max(total, 1)} size="xs" aria-label="Searching the log for these streams" />}
      {rows.count === 0 && rows.scanned === undefined ? (
        <NoLines total={total} open={open} />
      ) : (
        <VirtualRows ref={list} label="Log" count={rows.count} rowHeight={rowHeight} height="max(20rem, 65vh)" row={draw} onRange={onRange} follow={follow} onFollow={setFollow} />
      )}
      <Group justify="space-between" px="sm" py={4}>
        <span className="epo-quiet" role="status">
          {rows.count === total ? `${total.toLocaleString("en")} records` : `${rows.count.toLocaleString("en")} of ${total.toLocaleString("en")} records`}
        </span>
        <span className="epo-quiet">{rows.count > 0 && `rows ${(range.first + 1).toLocaleString("en")}–${range.last.toLocaleString("en")}`}</span>
      </Group>
      {choice.line !== undefined && <RecordDetail seq={choice.line} record={cache.get(choice.line)} onClose={() => select(undefined)} />}
    </div>
  );
}

/** useLogRows: which records are rows, and which of them have the text. Where only those with the text are shown, the two are one. */
function useLogRows(attemptId: string, total: number, streams: readonly Stream[], { find: text, only }: LogChoice) {
  const all = streams.length === allStreams.length;
  const hits = useIndex(attemptId, total, text ? { streams, text } : undefined);
  const filtered = useIndex(attemptId, total, all || (text && only) ? undefined : { streams, text: "" });
  return { hits, rows: rowsOf(text && only ? hits : filtered, total) };
}

/** useGoTo brings a record into sight. It waits for the rows where they are not known yet. */
function useGoTo(list: React.RefObject<VirtualHandle | null>, rows: Rows, onFollow: (follow: boolean) => void) {
  const latest = useRef(rows);
  const wanted = useRef<number>(undefined);
  useEffect(() => {
    latest.current = rows;
    if (wanted.current === undefined || (rows.scanned !== undefined && rows.scanned < wanted.current)) return;
    list.current?.reveal(rows.rowOf(wanted.current));
    wanted.current = undefined;
  });
  return useMemo(
    () => (seq: number) => {
      onFollow(false);
      const { scanned, rowOf } = latest.current;
      if (scanned !== undefined && scanned < seq) wanted.current = seq;
      else list.current?.reveal(rowOf(seq));
    },
    [list, onFollow],
  );
}

function NoLines({ total, open }: { total: number; open: boolean }) {
  if (total > 0) return <Empty title="No line of these streams">Choose other streams, or look for another text.</Empty>;
  return <Empty title={open ? "Nothing was written yet" : "Nothing was written"} />;
}

/** useVisible loads the lines in sight, and those around them. */
function useVisible(rows: Rows, cache: ReturnType<typeof useLogCache>, total: number) {
  const [range, setRange] = useState({ first: 0, last: 0 });
  const [failed, setFailed] = useState<unknown>();
  const onRange = useCallback((first: number, last: number) => setRange({ first, last }), []);
  const firstSeq = rows.at(range.first);
  const lastSeq = rows.at(Math.min(range.last, rows.count) - 1);
  useEffect(() => {
    if (range.last <= range.first || lastSeq < 1) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const load = (): void => {
      Promise.all(spans(rows, range, total).map(([first, last]) => cache.load(first, last))).then(
        () => setFailed(undefined),
        (error: unknown) => {
          setFailed(error);
          timer = setTimeout(load, 2_000);
        },
      );
    };
    load();
    return () => clearTimeout(timer);
    // The rows in sight are named by their first and last line.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [cache, firstSeq, lastSeq, range, total]);
  return { range, onRange, failed };
}

const around = 100;

/** spans lists the ranges of lines to read: near lines in one request, far ones apart. */
function spans(rows: Rows, range: { first: number; last: number }, total: number): [number, number][] {
  const result: [number, number][] = [];
  for (let row = range.first; row < Math.min(range.last, rows.count); row++) {
    const seq = rows.at(row);
    const current = result[result.length - 1];
    if (current && seq - current[1] <= around) current[1] = seq;
    else result.push([seq, seq]);
  }
  return result.map(([first, last]) => [Math.max(1, first - around), Math.min(total, last + around)]);
}

/** useReveal brings the linked line into sight, once it is known where it is. */
function useReveal(list: React.RefObject<VirtualHandle | null>, rows: Rows, line: number | undefined) {
  const done = useRef<number>(undefined);
  const ready = line !== undefined && rows.count > 0 && (rows.scanned === undefined || rows.scanned >= line);
  useEffect(() => {
    if (!ready || done.current === line) return;
    const first = done.current === undefined;
    done.current = line;
    if (first) list.current?.reveal(rows.rowOf(line));
    // eslint-disable-next-line react-hooks/exhaustive-deps -- only when a line gets linked
  }, [ready, line]);
}
