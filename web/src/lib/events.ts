/**
 * Live hints, about one run (`GET /events?run=…`) or about the lists of the tenant (`GET /events`): a stream of server-sent events
 * that needs an Authorization header, so it is read with fetch. A hint only says "look again"; the data is read by cursor, so
 * nothing is missed or doubled by a break.
 */
import { aborted } from "@/lib/errors";
import { authorizedFetch } from "@/lib/http";

export type LiveState = "connecting" | "live" | "polling";

export interface FollowOptions {
  signal: AbortSignal;
  /** Told what to look at: the kind of list that changed, or "all" when nobody knows more. */
  onWake: (kind: string) => void;
  onState: (state: LiveState) => void;
  fetch?: typeof authorizedFetch;
  /** Milliseconds: silence after which a stream is dead (the server speaks each 15 s), pause between polls, first pause before a new attempt. */
  silence?: number;
  poll?: number;
  pause?: number;
}

/**
 * follow calls onWake at once, on each hint, after each break, and by the clock while the stream is down; it returns when the
 * signal is aborted. Without a run it follows the lists of the tenant.
 */
export async function follow(runId: string | undefined, options: FollowOptions): Promise<void> {
  const { signal, onWake, onState, poll = 2_000, pause = 250 } = options;
  onState("connecting");
  let failures = 0;
  while (!signal.aborted) {
    onWake(all);
    const heard = await listen(runId, options);
    if (signal.aborted) return;
    failures = heard ? 1 : failures + 1;
    if (failures > 1) onState("polling");
    await sleep(Math.min(pause * 2 ** (failures - 1), poll), signal);
  }
}

/** listen reads one stream to its end; true when it delivered something. */
async function listen(runId: string | undefined, options: FollowOptions): Promise<boolean> {
  const { signal, onWake, onState, fetch: send = authorizedFetch, silence = 40_000 } = options;
  const stop = new AbortController();
  const end = (): void => stop.abort();
  signal.addEventListener("abort", end);
  let quiet = setTimeout(end, silence);
  let heard = false;
  try {
    const response = await send(runId === undefined ? "/events" : `/events?run=${encodeURIComponent(runId)}`, { headers: { Accept: "text/event-stream" }, signal: stop.signal });
    if (!response.ok || !response.body) return false;
    for await (const event of events(response.body)) {
      clearTimeout(quiet);
      quiet = setTimeout(end, silence);
      if (!heard) onState("live");
      heard = true;
      if (event.name !== "") onWake(kindOf(event.data));
    }
  } catch (error) {
    if (!aborted(error) && !(error instanceof Error)) throw error;
  } finally {
    clearTimeout(quiet);
    signal.removeEventListener("abort", end);
    stop.abort();
  }
  return heard;
}

const all = "all";

function kindOf(data: string): string {
  try {
    const { kind } = JSON.parse(data) as { kind?: unknown };
    return typeof kind === "string" ? kind : all;
  } catch {
    return all;
  }
}

/** events yields each event of a text/event-stream, one with the name "" for each comment. What the end cuts off does not count. */
export async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<{ name: string; data: string }> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let name = "";
  let data: string | undefined;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r/);
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line.startsWith(":")) yield { name: "", data: "" };
        else if (line.startsWith("event:")) name = line.slice(6).trim();
        else if (line.startsWith("data:")) data = (data === undefined ? "" : `${data}\n`) + line.slice(5).trimStart();
        else if (line === "") {
          if (data !== undefined || name) yield { name: name || "message", data: data ?? "" };
          name = "";
          data = undefined;
        }
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
  });
}
