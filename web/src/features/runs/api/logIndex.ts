/**
 * Which records of a log match a filter. The server looks, call after call; the index keeps numbers only (four bytes a match) and
 * goes on where it stopped when the log grows. What it found so far can be shown while the search goes on.
 */
import { aborted } from "@/lib/errors";
import type { LogFilter, SearchLog } from "./searchLog";

export class LogIndex {
  private numbers = new Int32Array(1024);
  private found = 0;
  private read = 0;
  private running: Promise<void> | undefined;
  private goal = 0;
  private abort = new AbortController();
  private halted = false;
  private closed = false;

  constructor(
    private readonly search: SearchLog,
    private readonly filter: LogFilter,
    private readonly changed: () => void,
  ) {}

  /** count of matches so far. */
  count(): number {
    return this.found;
  }

  /** scanned is the last record that was looked at. */
  scanned(): number {
    return this.read;
  }

  /** stopped: somebody gave the search up; resume goes on with it. */
  stopped(): boolean {
    return this.halted;
  }

  /** at returns the sequence number of a match. */
  at(position: number): number {
    return this.numbers[position] ?? 0;
  }

  /** has reports whether a record is a match. */
  has(seq: number): boolean {
    const position = this.positionOf(seq);
    return position < this.found && this.at(position) === seq;
  }

  /** positionOf returns the first match at or after a record. */
  positionOf(seq: number): number {
    let low = 0;
    let high = this.found;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at(middle) < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** advance looks up to a record; it may be called again and again with a growing number. */
  advance(total: number): Promise<void> {
    this.goal = Math.max(this.goal, total);
    if (this.halted || this.closed) return Promise.resolve();
    const { signal } = this.abort;
    this.running ??= this.scan(signal).finally(() => {
      this.running = undefined;
      // One that was given up while this was asked for leaves the work to a new one.
      if (signal.aborted && this.read < this.goal) void this.advance(this.goal).catch(() => undefined);
    });
    return this.running;
  }

  /** stop gives up what is under way; what was found stays. */
  stop(): void {
    this.halted = true;
    this.abort.abort();
    this.changed();
  }

  /** resume goes on after a stop. */
  async resume(): Promise<void> {
    await this.running?.catch(() => undefined);
    this.halted = false;
    this.abort = new AbortController();
    this.changed();
    await this.advance(this.goal);
  }

  /** close ends the search of an index that nobody looks at any more; open takes that back. */
  close(): void {
    this.closed = true;
    this.abort.abort();
  }

  open(): void {
    if (this.closed) this.abort = new AbortController();
    this.closed = false;
  }

  private async scan(signal: AbortSignal): Promise<void> {
    try {
      while (this.read < this.goal && !signal.aborted) {
        const { hits, next_after } = await this.search(this.filter, this.read, signal);
        if (signal.aborted) return;
        if (next_after <= this.read) return; // nothing more is stored yet
        this.add(hits);
        this.read = next_after;
        this.changed();
      }
    } catch (error) {
      if (!aborted(error) || !signal.aborted) throw error;
    }
  }

  private add(hits: readonly number[]): void {
    if (this.found + hits.length > this.numbers.length) {
      const grown = new Int32Array(Math.max(this.numbers.length * 2, this.found + hits.length));
      grown.set(this.numbers);
      this.numbers = grown;
    }
    this.numbers.set(hits, this.found);
    this.found += hits.length;
  }
}
