import { describe, expect, it, vi } from "vitest";
import type { LogChunk } from "@/lib/schema";
import { LogCache } from "./logCache";
import { LogIndex } from "./logIndex";
import { lineStreams, parseRecord, plainObject, recordText } from "./logRecord";

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

describe("LogIndex", () => {
  it("finds each match once, in order, also when the log grows", async () => {
    const index = new LogIndex(stored(50_000, 333), { streams: ["error"], text: "" }, () => undefined);
    await index.advance(25_000);
    expect(index.count()).toBe(2500);
    await index.advance(50_000);
    expect(index.count()).toBe(5000);
    expect([index.at(0), index.at(4999)]).toEqual([10, 50_000]);
    expect(index.at(index.positionOf(101))).toBe(110);
  });

  it("looks for text without regard to case", async () => {
    const index = new LogIndex(stored(1000, 100), { streams: lineStreams, text: "LINE 99" }, () => undefined);
    await index.advance(1000);
    expect(Array.from({ length: index.count() }, (_, i) => index.at(i))).toEqual([99, 990, 991, 992, 993, 994, 995, 996, 997, 998, 999]);
  });

  it("stops reading when nobody wants it any more", async () => {
    const read = stored(1_000_000 / 10, 1000);
    const index = new LogIndex(read, { streams: ["error"], text: "" }, () => index.close());
    await index.advance(100_000);
    expect(read.mock.calls.length).toBeLessThanOrEqual(3);
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
