/**
 * A window onto a log of any length. Lines are read by range of sequence numbers when somebody looks at them, and the chunks
 * that were not looked at for longest are dropped, so that memory does not grow with the log.
 */
import type { LogChunk } from "@/lib/schema";
import { parseRecord, type LogRecord } from "./logRecord";

export type ReadWindow = (first: number, last: number, signal?: AbortSignal) => Promise<LogChunk[]>;

interface Held {
  first: number;
  last: number;
  lines: string[] | undefined; // undefined: no longer stored on the server
  parsed: (LogRecord | undefined)[];
  size: number;
  used: number;
}

// Characters of log text that are kept: about 48 MB of memory at most.
const defaultBudget = 24_000_000;

export class LogCache {
  private held: Held[] = []; // ordered, not overlapping
  private size = 0;
  private uses = 0;
  private readonly loading = new Map<string, Promise<void>>();
  private readonly listeners = new Set<() => void>();
  private changes = 0;

  constructor(
    private readonly readWindow: ReadWindow,
    private readonly budget = defaultBudget,
  ) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** version changes with each change of what is held. */
  readonly version = (): number => this.changes;

  /** get returns a line that is held; "gone" for one that the server no longer has. */
  get(seq: number): LogRecord | "gone" | undefined {
    const held = this.find(seq);
    if (!held) return undefined;
    held.used = ++this.uses;
    if (!held.lines) return "gone";
    const at = seq - held.first;
    return (held.parsed[at] ??= parseRecord(held.lines[at] ?? "", seq));
  }

  /** load reads what is missing of first..last. Calls for the same range share one request. */
  load(first: number, last: number): Promise<void> {
    const missing = this.missing(first, last);
    if (!missing) return Promise.resolve();
    const key = `${missing.first}-${missing.last}`;
    let promise = this.loading.get(key);
    if (!promise) {
      promise = this.readMissing(missing.first, missing.last).finally(() => this.loading.delete(key));
      this.loading.set(key, promise);
    }
    return promise;
  }

  private async readMissing(first: number, last: number): Promise<void> {
    const chunks = await this.readWindow(first, last);
    for (const chunk of chunks) this.insert(chunk.first_seq, chunk.last_seq, splitChunk(chunk));
    if (chunks.length === 0) this.insert(first, last, undefined);
    this.trim();
    this.changed();
  }

  private insert(first: number, last: number, lines: string[] | undefined): void {
    if (this.find(first)?.lines) return;
    this.held = this.held.filter((h) => h.last < first || h.first > last);
    const size = lines?.reduce((sum, line) => sum + line.length, 0) ?? 0;
    this.held.splice(this.position(first), 0, { first, last, lines, parsed: [], size, used: ++this.uses });
    this.size = this.held.reduce((sum, h) => sum + h.size, 0);
  }

  private trim(): void {
    if (this.size <= this.budget) return;
    const oldest = [...this.held].sort((a, b) => a.used - b.used);
    const drop = new Set<Held>();
    for (const held of oldest) {
      if (this.size <= this.budget || drop.size === this.held.length - 1) break;
      drop.add(held);
      this.size -= held.size;
    }
    this.held = this.held.filter((held) => !drop.has(held));
  }

  private missing(first: number, last: number): { first: number; last: number } | undefined {
    let from = first;
    for (let held = this.find(from); from <= last && held; held = this.find(from)) from = held.last + 1;
    if (from > last) return undefined;
    let to = last;
    for (let held = this.find(to); to > from && held; held = this.find(to)) to = held.first - 1;
    return { first: from, last: to };
  }

  private find(seq: number): Held | undefined {
    const held = this.held[this.position(seq + 1) - 1];
    return held && seq <= held.last ? held : undefined;
  }

  /** position is where a chunk that starts at seq belongs. */
  private position(seq: number): number {
    let low = 0;
    let high = this.held.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.held[middle] as Held).first < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private changed(): void {
    this.changes++;
    for (const listener of this.listeners) listener();
  }
}

/** splitChunk returns the lines of a chunk, one for each sequence number. */
export function splitChunk(chunk: LogChunk): string[] {
  const lines = chunk.chunk.split("\n");
  if (lines[lines.length - 1] === "") lines.pop();
  return lines;
}
