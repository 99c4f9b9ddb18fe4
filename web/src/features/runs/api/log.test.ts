import { describe, expect, it, vi } from "vitest";
import type { LogChunk } from "@/lib/schema";
import { LogCache } from "./logCache";
import { LogIndex } from "./logIndex";
import { parseRecord, plainObject, recordText } from "./logRecord";
import type { LogFilter, SearchLog } from "./searchLog";

const line = (seq: number): string =>
  JSON.stringify({ seq, time: "2026-01-01T00:00:00Z", stream: seq % 10 === 0 ? "error" : "output", text: `line ${seq}` });

/** A stored log of `total` lines in chunks of `per`. */
function stored(total: number, per: number) {
  const chunks: LogChunk[] = [];
  for (let first = 1; first <= total; first += per) {
    const last = Math.min(first + per - 1, total);
    const lines = Array.from({ length: last - first + 1 }, (_, i) => line(first + i));
    chunks.push({ first_seq: first, last_seq: last, chunk: lines.join("\n") + "\n" });
  }
  return vi.fn((first: number, last: number) => Promise.resolve(chunks.filter((c) => c.last_seq >= first && c.first_seq <= last)));
}

describe("LogCache", () => {
  it("gives every line of a window with one request", async () => {
    const read = stored(1000, 7);
    const cache = new LogCache(read);
    await cache.load(100, 200);
    for (let seq = 100; seq <= 200; seq++) expect(cache.get(seq)).toMatchObject({ seq, text: `line ${seq}` });
    expect(read).toHaveBeenCalledTimes(1);
  });

  it("asks for the missing part only, and once for the same part", async () => {
    const read = stored(1000, 10);
    const cache = new LogCache(read);
    await cache.load(101, 200);
    await Promise.all([cache.load(151, 250), cache.load(151, 250)]);
    expect(read.mock.calls).toEqual([[101, 200], [201, 250]]);
    await cache.load(120, 240);
    expect(read).toHaveBeenCalledTimes(2);
  });

  it("keeps within its budget, and never drops what was just read", async () => {
    const cache = new LogCache(stored(100_000, 100), 200_000);
    for (let first = 1; first < 100_000; first += 500) {
      await cache.load(first, first + 99);
      expect(cache.get(first)).toMatchObject({ seq: first });
    }
    let held = 0;
    for (let seq = 1; seq <= 100_000; seq++) if (cache.get(seq)) held++;
    expect(held).toBeGreaterThan(100);
    expect(held * line(99_999).length).toBeLessThan(250_000);
  });

  it("says which lines the server no longer has, and does not ask for ever", async () => {
    const read = vi.fn(() => Promise.resolve([] as LogChunk[]));
    const cache = new LogCache(read);
    await cache.load(1, 50);
    await cache.load(1, 50);
    expect(cache.get(10)).toBe("gone");
    expect(read).toHaveBeenCalledTimes(1);
  });
});

/** A server that finds each tenth record of a log of `total`, `most` hits a call. */
function finds(total: number, most: number) {
  return vi.fn<SearchLog>((_filter, after, signal) => {
    if (signal.aborted) return Promise.reject(new DOMException("given up", "AbortError"));
    const all = Array.from({ length: Math.floor(total / 10) }, (_, i) => 10 * (i + 1)).filter((seq) => seq > after);
    const hits = all.slice(0, most);
    const complete = hits.length === all.length;
    return Promise.resolve({ hits, complete, next_after: complete ? total : (hits[hits.length - 1] ?? after) });
  });
}

const errors: LogFilter = { streams: ["error"], text: "" };

describe("LogIndex", () => {
  it("finds each match once, in order, however many come with one answer", async () => {
    for (const most of [1, 7, 50, 10_000]) {
      const index = new LogIndex(finds(500, most), errors, () => undefined);
      await index.advance(500);
      expect(Array.from({ length: index.count() }, (_, i) => index.at(i))).toEqual(Array.from({ length: 50 }, (_, i) => 10 * (i + 1)));
      expect(index.scanned()).toBe(500);
      expect([index.has(110), index.has(111), index.at(index.positionOf(101))]).toEqual([true, false, 110]);
    }
  });

  it("goes on where it stopped when the log has grown", async () => {
    const search = finds(25_000, 100_000);
    const index = new LogIndex(search, errors, () => undefined);
    await index.advance(25_000);
    search.mockImplementation(finds(50_000, 100_000).getMockImplementation() as SearchLog);
    await index.advance(50_000);
    expect(search.mock.calls.map((call) => call[1])).toEqual([0, 25_000]);
    expect([index.count(), index.at(0), index.at(4999)]).toEqual([5000, 10, 50_000]);
  });

  it("does not ask for ever when nothing more is stored", async () => {
    const search = finds(100, 10);
    const index = new LogIndex(search, errors, () => undefined);
    await index.advance(150);
    expect(search).toHaveBeenCalledTimes(2);
    expect(index.scanned()).toBe(100);
  });

  it("stops when somebody gives it up, keeps what it found, and goes on when asked to", async () => {
    const search = finds(1000, 10);
    let stops = 1;
    const index: LogIndex = new LogIndex(search, errors, () => {
      if (index.count() === 30 && stops-- > 0) index.stop();
    });
    await index.advance(1000);
    expect([index.count(), index.stopped()]).toEqual([30, true]);
    await index.advance(1000);
    expect(search).toHaveBeenCalledTimes(3);
    await index.resume();
    await vi.waitFor(() => expect([index.count(), index.stopped()]).toEqual([100, false]));
  });

  it("asks no more once nobody looks, and again when somebody does", async () => {
    const search = finds(1000, 10);
    const index: LogIndex = new LogIndex(search, errors, () => index.close());
    await index.advance(1000);
    expect(search).toHaveBeenCalledTimes(1);
    index.open();
    await index.advance(1000);
    expect(search).toHaveBeenCalledTimes(2);
  });

  it("tells about a failure, and can be asked again", async () => {
    const search = finds(100, 100);
    search.mockRejectedValueOnce(new TypeError("network"));
    const index = new LogIndex(search, errors, () => undefined);
    await expect(index.advance(100)).rejects.toThrow("network");
    await index.advance(100);
    expect(index.count()).toBe(10);
  });
});

describe("records", () => {
  it("shows a line that is no record as it is", () => {
    expect(parseRecord("not json", 5)).toEqual({ seq: 5, time: "", stream: "system", text: "not json" });
  });

  it("keeps a NUL", () => {
    expect(parseRecord('{"seq":1,"time":"","stream":"output","text":"a\\u0000b"}', 1).text).toBe("a\u0000b");
  });

  it("gives an object without text a text", () => {
    expect(recordText({ seq: 1, time: "", stream: "object", object: { type: "System.Int32", string: "5", value: 5 } })).toBe("System.Int32  5");
  });

  it("turns emitted objects into plain JSON", () => {
    const number = { type: "System.Int32", string: "5", value: 5 };
    expect(plainObject({ type: "x", properties: { A: number, B: { items: [number, null] }, C: null } })).toEqual({ A: 5, B: [5, null], C: null });
    expect(plainObject({ entries: [{ key: { string: "k", value: "k" }, value: number }] })).toEqual({ k: 5 });
  });
});
