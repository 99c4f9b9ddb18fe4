import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { getLogWindow } from "./getLogWindow";
import { LogCache } from "./logCache";
import { LogIndex } from "./logIndex";
import { streams } from "./logRecord";
import { searchLog, type LogFilter } from "./searchLog";

/** Milliseconds until a search that failed is tried again. */
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
  /** Set while a filter is not done: how many records were looked at. */
  scanned?: number | undefined;
  failed?: unknown;
}

/** useRows maps rows to records: all of them as they are, filtered ones by what the server finds. */
export function useRows(attemptId: string, total: number, filter: LogFilter): Rows {
  const all = filter.text === "" && filter.streams.length === streams.length;
  return rowsOf(useIndex(attemptId, total, all ? undefined : filter), total);
}

/** rowsOf shows the matches of an index as rows; without an index each record is one. */
export function rowsOf(index: Index | undefined, total: number): Rows {
  if (!index) return { count: total, at: (row) => row + 1, rowOf: (seq) => seq - 1 };
  return {
    count: index.value.count(),
    at: (row) => index.value.at(row),
    rowOf: (seq) => index.value.positionOf(seq),
    scanned: index.value.scanned() < total ? index.value.scanned() : undefined,
    failed: index.failed,
  };
}

export interface Index {
  value: LogIndex;
  failed: unknown;
}

/** useIndex keeps an index of a filter up to date with a growing log, and draws again when it has found something. */
export function useIndex(attemptId: string, total: number, filter: LogFilter | undefined): Index | undefined {
  const key = filter && JSON.stringify([attemptId, filter]);
  const [, draw] = useState(0);
  const [failed, setFailed] = useState<unknown>();
  const index = useMemo(() => {
    if (!key) return undefined;
    const wanted = (JSON.parse(key) as [string, LogFilter])[1];
    return new LogIndex(searchLog(attemptId), wanted, () => draw((n) => n + 1));
  }, [key, attemptId]);
  useEffect(() => {
    index?.open();
    return () => index?.close();
  }, [index]);
  useEffect(() => {
    if (total > 0) index?.advance(total).then(() => setFailed(undefined), setFailed);
  }, [index, total]);
  useEffect(() => {
    if (failed === undefined) return;
    const timer = setTimeout(() => void index?.advance(total).then(() => setFailed(undefined), setFailed), again);
    return () => clearTimeout(timer);
  }, [index, total, failed]);
  return index && { value: index, failed };
}
