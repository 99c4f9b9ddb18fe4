import { describe, expect, it, vi } from "vitest";
import { events, follow, type LiveState } from "./events";

function stream(...parts: string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(new TextEncoder().encode(part));
      controller.close();
    },
  });
}

async function all(body: ReadableStream<Uint8Array>): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, data } of events(body)) names.push(data === "" ? name : `${name} ${data}`);
  return names;
}

describe("events", () => {
  it("reads names, comments and events without a name, however the network cuts them", async () => {
    expect(await all(stream("event: wa", "ke\nda", "ta: {}\n", "\n: heartbeat\n\ndata: x\r\n\r\n"))).toEqual(["wake {}", "", "message x"]);
  });

  it("does not count what the end cuts off", async () => {
    expect(await all(stream("event: wake\ndata: {}\n"))).toEqual([]);
  });
});

describe("follow", () => {
  it("wakes at once, on each hint, and after a break; says what state it is in", async () => {
    const stop = new AbortController();
    const states: LiveState[] = [];
    let opened = 0;
    const onWake = vi.fn();
    const send = (): Promise<Response> => {
      opened++;
      if (opened === 4) stop.abort();
      if (opened === 2 || opened === 3) return Promise.reject(new TypeError("network"));
      return Promise.resolve(new Response(stream("event: wake\ndata: {}\n\n")));
    };
    await follow("r1", { signal: stop.signal, onWake, onState: (s) => states.push(s), fetch: send, pause: 1, poll: 2 });
    expect(opened).toBe(4);
    expect(onWake.mock.calls.length).toBeGreaterThanOrEqual(5); // 4 attempts and 1 hint at least
    expect(states.slice(0, 3)).toEqual(["connecting", "live", "polling"]);
  });

  it("follows the lists of the tenant without a run, and tells which of them changed", async () => {
    const stop = new AbortController();
    const kinds: string[] = [];
    const asked: unknown[] = [];
    const send = (address: unknown): Promise<Response> => {
      asked.push(address);
      if (asked.length === 2) stop.abort();
      return Promise.resolve(new Response(stream('event: wake\ndata: {"kind":"run"}\n\nevent: wake\ndata: not json\n\n')));
    };
    await follow(undefined, { signal: stop.signal, onWake: (kind) => kinds.push(kind), onState: () => undefined, fetch: send, pause: 1, poll: 2 });
    expect(asked).toEqual(["/events", "/events"]);
    expect(kinds.slice(0, 4)).toEqual(["all", "run", "all", "all"]);
  });

  it("takes a silent stream for dead", async () => {
    const stop = new AbortController();
    let opened = 0;
    const send = (_: unknown, init?: RequestInit): Promise<Response> => {
      if (++opened === 2) stop.abort();
      if (init?.signal?.aborted) return Promise.reject(new DOMException("given up", "AbortError"));
      return new Promise((_resolve, reject) => init?.signal?.addEventListener("abort", () => reject(new DOMException("silence", "AbortError"))));
    };
    await follow("r1", { signal: stop.signal, onWake: () => undefined, onState: () => undefined, fetch: send, silence: 5, pause: 1, poll: 2 });
    expect(opened).toBe(2);
  });
});
