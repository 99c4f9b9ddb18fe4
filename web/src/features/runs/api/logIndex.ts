/**
 * Which lines of a log match a filter. The index reads the log once from its start, keeps numbers only (four bytes a match), and
 * goes on where it stopped when the log grows. What it found so far can be shown while it still reads.
 */
import type { LogChunk } from "@/lib/schema";
import { splitChunk, type ReadWindow } from "./logCache";
import { parseRecord, recordText, streamOfLine, type Stream } from "./logRecord";

export interface LogFilter {
  streams: readonly Stream[];
  /** Part of the text, upper or lower case alike; empty matches all. */
  text: string;
}

const hostTag = /"tags":\["PSHOST"/;
const stride = 20_000; // lines asked for at once
const ahead = 3; // requests under way

export class LogIndex {
  private numbers = new Int32Array(1024);
  private found = 0;
  private read = 0;
  private running: Promise<void> | undefined;
  private goal = 0;
  private readonly stop = new AbortController();
  private readonly matches: (line: string) => boolean;

  constructor(
    private readonly readWindow: ReadWindow,
    filter: LogFilter,
    private readonly changed: () => void,
    private readonly seen: (chunks: readonly LogChunk[]) => void = () => undefined,
  ) {
    this.matches = matcher(filter);
  }

  /** count of matches so far. */
  count(): number {
    return this.found;
  }

  /** scanned is the last line that was looked at. */
  scanned(): number {
    return this.read;
  }

  /** at returns the sequence number of a match. */
  at(position: number): number {
    return this.numbers[position] ?? 0;
  }

  /** positionOf returns the first match at or after a line. */
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

  /** advance reads up to a line; it may be called again and again with a growing number. */
  advance(total: number): Promise<void> {
    this.goal = Math.max(this.goal, total);
    this.running ??= this.scan().finally(() => (this.running = undefined));
    return this.running;
  }

  /** close gives up what is under way. */
  close(): void {
    this.stop.abort();
  }

  private async scan(): Promise<void> {
    const requests: { last: number; chunks: Promise<LogChunk[]> }[] = [];
    let asked = this.read;
    while (this.read < this.goal && !this.stop.signal.aborted) {
      while (requests.length < ahead && asked < this.goal) {
        const first = asked + 1;
        asked = Math.min(asked + stride, this.goal);
        const chunks = this.readWindow(first, asked, this.stop.signal);
        chunks.catch(() => undefined); // awaited below, in order
        requests.push({ last: asked, chunks });
      }
      const request = requests.shift();
      if (!request) break;
      const chunks = await request.chunks;
      for (const chunk of chunks) this.take(chunk, request.last);
      this.read = request.last;
      this.seen(chunks);
      this.changed();
    }
  }

  private take(chunk: LogChunk, last: number): void {
    const lines = splitChunk(chunk);
    for (let seq = Math.max(chunk.first_seq, this.read + 1); seq <= Math.min(chunk.last_seq, last); seq++) {
      const line = lines[seq - chunk.first_seq];
      if (line !== undefined && this.matches(line)) this.add(seq);
    }
    this.read = Math.max(this.read, Math.min(chunk.last_seq, last));
  }

  private add(seq: number): void {
    if (this.found === this.numbers.length) {
      const grown = new Int32Array(this.found * 2);
      grown.set(this.numbers);
      this.numbers = grown;
    }
    this.numbers[this.found++] = seq;
  }
}

function matcher(filter: LogFilter): (line: string) => boolean {
  const wanted = new Set<string>(filter.streams);
  const needle = filter.text.toLowerCase();
  // Write-Host gives a line of the host and an information record that says the same: one of them is enough.
  const twice = wanted.has("host") ? hostTag : undefined;
  const streamMatches = (line: string): boolean => {
    const stream = streamOfLine(line);
    return wanted.has(stream) && !(stream === "information" && twice?.test(line));
  };
  if (needle === "") return streamMatches;
  // A needle that JSON writes as it is can be looked for in the raw line first.
  const raw = JSON.stringify(needle).slice(1, -1) === needle && !/[<>&\u2028\u2029]/.test(needle);
  return (line) => {
    if (!streamMatches(line)) return false;
    if (raw && !line.toLowerCase().includes(needle)) return false;
    return recordText(parseRecord(line, 0)).toLowerCase().includes(needle);
  };
}
