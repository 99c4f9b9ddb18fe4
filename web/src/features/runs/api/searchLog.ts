import { call } from "@/lib/http";
import type { Stream } from "./logRecord";

export interface LogFilter {
  streams: readonly Stream[];
  /** Part of the text, upper or lower case alike; empty matches all. */
  text: string;
}

/** What one call found: numbers of records, how far it looked, and whether that is all there is for now. */
export interface Found {
  hits: number[];
  next_after: number;
  complete: boolean;
}

export type SearchLog = (filter: LogFilter, after: number, signal: AbortSignal) => Promise<Found>;

/** As many hits as one call brings: the first call few, so that something can be shown soon. */
const first = 2_000;
const later = 50_000;

/** searchLog asks the server which records of an attempt match; a call takes half a second at most. */
export function searchLog(attemptId: string): SearchLog {
  return ({ streams, text }, after, signal) =>
    call<Found>("search_log", { attempt_id: attemptId, query: text, streams, after_seq: after, max_hits: after === 0 ? first : later }, signal);
}
