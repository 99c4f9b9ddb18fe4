import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { getLogWindow } from "./getLogWindow";
import { LogCache, type ReadWindow } from "./logCache";
import { LogIndex, type LogFilter } from "./logIndex";
import { streams } from "./logRecord";

/** A log that is short enough to be kept as it is read for a filter. */
const small = 50_000;

/** Milliseconds until a reading that failed is tried again. */
const again = 2_000;

/** useLogCache gives the window onto one attempt's log, and draws again when lines arrive. */
export function useLogCache(attemptId: string): LogCache {
  const cache = useMemo(() => new LogCache((first, last, signal) => getLogWindow(attemptId, first, last, signal)), [attemptId]);
  useSyncExternalStore(cache.subscribe, cache.version);
  return cache;
}

export interface Rows {
  count: number;
  /** Sequence number of a row; the row of a sequence number. */
  at: (row: number) => number;
  rowOf: (seq: number) => number;
  /** Set while a filter still reads: how many lines it has looked at. */
  scanned?: number | undefined;
  failed?: unknown;
}

/** useRows maps rows to lines: all of them as they are, filtered ones by an index that is built as the log is read. */
export function useRows(attemptId: string, cache: LogCache, total: number, filter: LogFilter): Rows {
  const all = filter.text === "" && filter.streams.length === streams.length;
  const index = useIndex(attemptId, cache, total, all ? undefined : filter);
  if (!index) return { count: total, at: (row) => row + 1, rowOf: (seq) => seq - 1 };
  return {
    count: index.value.count(),
    at: (row) => index.value.at(row),
    rowOf: (seq) => index.value.positionOf(seq),
    scanned: index.value.scanned() < total ? index.value.scanned() : undefined,
    failed: index.failed,
  };
}

function useIndex(attemptId: string, cache: LogCache, total: number, filter: LogFilter | undefined) {
  const key = filter && JSON.stringify([attemptId, filter]);
  const [, draw] = useState(0);
  const [failed, setFailed] = useState<unknown>();
  const index = useMemo(() => {
    if (!key) return undefined;
    const wanted = (JSON.parse(key) as [string, LogFilter])[1];
    const read: ReadWindow = (first, last, signal) => getLogWindow(attemptId, first, last, signal);
    return new LogIndex(read, wanted, () => draw((n) => n + 1), (chunks) => cache.put(chunks, small));
  }, [key, attemptId, cache]);
  useEffect(() => {
    if (total > 0) index?.advance(total).then(() => setFailed(undefined), setFailed);
  }, [index, total]);
  useEffect(() => {
    if (failed === undefined) return;
    const timer = setTimeout(() => void index?.advance(total).then(() => setFailed(undefined), setFailed), again);
    return () => clearTimeout(timer);
  }, [index, total, failed]);
  useEffect(() => () => index?.close(), [index]);
  return index && { value: index, failed };
}
