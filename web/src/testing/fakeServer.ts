/**
 * A server that speaks the true HTTP, in place of the network: sign-in with rotation of the refresh cookie, tokens that end, views
 * with the filters that the console sends, functions, and the event stream. It holds rows, not answers.
 */
import { vi } from "vitest";
import { signedInUser } from "./rows";

type Row = Record<string, unknown>;
type Answer = { status: number; body?: unknown };
export type FakeFunction = (args: Record<string, unknown>) => Answer;

interface SearchArguments {
  query: string;
  streams: string[];
  after_seq: number;
  max_hits: number;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

export class FakeServer {
  /** Rows of each view, by its name. */
  readonly views: Record<string, Row[]> = {};
  readonly functions: Record<string, FakeFunction> = {};
  readonly requests: { method: string; path: string; body: unknown }[] = [];
  /** Bodies of the requests, as they came. */
  readonly texts: string[] = [];
  password = "correct horse";
  user = signedInUser;
  /** The session that the browser's cookie stands for. */
  cookie = true;
  down = false;
  expiresIn = 600;
  private tokens = 0;
  private valid = "";
  private streams: { run: string | null; controller: ReadableStreamDefaultController<Uint8Array> }[] = [];
  /** Whether event streams get through; some proxies hold them back. */
  eventsBlocked = false;

  install(): void {
    vi.stubGlobal("fetch", (input: RequestInfo | URL, init?: RequestInit) => this.handle(new Request(absolute(input), init), init?.signal));
  }

  /** expireToken makes the server refuse the access token; the cookie decides what happens then. */
  expireToken(): void {
    this.valid = "";
  }

  /** wake sends a hint to everybody who follows a run. */
  wake(): void {
    for (const { run, controller } of this.streams) if (run !== null) controller.enqueue(encode("event: wake\ndata: {}\n\n"));
  }

  /** hint tells everybody who follows lists that one has changed. */
  hint(kind: string): void {
    for (const { run, controller } of this.streams) if (run === null) controller.enqueue(encode(`event: wake\ndata: {"kind":"${kind}"}\n\n`));
  }

  /** breakStreams ends all event streams, as a restart of the server does. */
  breakStreams(): void {
    for (const { controller } of this.streams.splice(0)) controller.error(new TypeError("network error"));
  }

  listeners(): number {
    return this.streams.length;
  }

  private async handle(request: Request, signal?: AbortSignal | null): Promise<Response> {
    if (this.down) throw new TypeError("Failed to fetch");
    signal?.throwIfAborted();
    const url = new URL(request.url);
    const raw = await request.text();
    const body: unknown = raw === "" ? undefined : JSON.parse(raw);
    this.texts.push(raw);
    this.requests.push({ method: request.method, path: url.pathname + url.search, body });
    if (/^\/auth\/(sign-in|refresh|sign-out)$/.test(url.pathname)) return this.auth(url.pathname, body as Record<string, string>);
    if (url.pathname === "/readyz") return json({ status: 200, body: {} });
    if (request.headers.get("Authorization") !== `Bearer ${this.valid}`) return json(refusal(401, "PGRST301", "the token is not good"));
    if (url.pathname.startsWith("/auth/")) return this.auth(url.pathname, body as Record<string, string>);
    if (url.pathname === "/events" && this.eventsBlocked) return new Response("blocked", { status: 502 });
    if (url.pathname === "/events") return this.events(url.searchParams.get("run"), signal);
    if (url.pathname === "/log") return new Response(url.searchParams.get("format") === "ndjson" ? '{"seq":1}\n' : "line\n");
    if (url.pathname === "/api/rpc/search_log" && !this.functions["search_log"]) return json(this.search(body as SearchArguments));
    if (url.pathname.startsWith("/api/rpc/")) return json(this.functions[url.pathname.slice(9)]?.((body ?? {}) as Record<string, unknown>) ?? refusal(404, "PGRST202", "no such function"));
    return json(this.view(url, request.headers));
  }

  private auth(path: string, body: Record<string, string> | undefined): Response {
    if (path === "/auth/sign-in") {
      if (body?.["client"] !== "browser" || body["password"] !== this.password) return json(refusal(401, "sign_in_failed", "sign-in failed"));
      this.cookie = true;
      return json(this.grant());
    }
    if (path === "/auth/refresh") {
      if (body !== undefined) return json(refusal(400, "invalid_body", "a browser sends none"));
      return json(this.cookie ? this.grant() : refusal(401, "refresh_invalid", "sign in again"));
    }
    if (path === "/auth/sign-out") {
      this.cookie = false;
      return new Response(null, { status: 204 });
    }
    // What people ask of the gateway, by its path.
    return json(this.functions[path]?.(body ?? {}) ?? refusal(404, "not_found", "no such path"));
  }

  private grant(): Answer {
    this.valid = `token-${++this.tokens}`;
    return { status: 200, body: { access_token: this.valid, token_type: "Bearer", expires_in: this.expiresIn, user: this.user } };
  }

  private view(url: URL, headers: Headers): Answer {
    const rows = this.views[url.pathname.slice("/api/".length)];
    if (!rows) return refusal(404, "PGRST205", "no such view");
    const found = rows.filter((row) => [...url.searchParams].every(([name, value]) => matches(row, name, value)));
    const offset = Number(url.searchParams.get("offset") ?? 0);
    const limit = Number(url.searchParams.get("limit") ?? found.length);
    const page = sorted(found, url.searchParams.get("order")).slice(offset, offset + limit).map((row) => asText(row, url.searchParams.get("select")));
    if (!headers.get("Accept")?.includes("vnd.pgrst.object")) return { status: 200, body: page };
    return page.length === 1 ? { status: 200, body: page[0] } : refusal(406, "PGRST116", "not one row");
  }

  /** search looks at each record of the stored chunks, as the server's function does. */
  private search({ query, streams, after_seq, max_hits }: SearchArguments): Answer {
    const hits: number[] = [];
    let last = after_seq;
    for (const chunk of (this.views["job_run_logs"] ?? []) as { first_seq: number; chunk: string }[]) {
      for (const [i, line] of chunk.chunk.trimEnd().split("\n").entries()) {
        const record = JSON.parse(line) as { stream: string; text?: string };
        const seq = chunk.first_seq + i;
        if (seq <= after_seq || hits.length === max_hits) continue;
        last = seq;
        if (streams.includes(record.stream) && (record.text ?? "").toLowerCase().includes(query.toLowerCase())) hits.push(seq);
      }
    }
    return { status: 200, body: { hits, next_after: last, complete: hits.length < max_hits } };
  }

  private events(run: string | null, signal?: AbortSignal | null): Response {
    let mine: ReadableStreamDefaultController<Uint8Array> | undefined;
    const forget = (): void => {
      this.streams = this.streams.filter((s) => s.controller !== mine);
    };
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        mine = controller;
        this.streams.push({ run, controller });
        controller.enqueue(encode("event: wake\ndata: {}\n\n"));
      },
      cancel: forget,
    });
    signal?.addEventListener("abort", forget);
    return new Response(body, { status: 200, headers: { "Content-Type": "text/event-stream" } });
  }
}

export function refusal(status: number, code: string, message: string): Answer {
  return { status, body: { code, message, details: null, hint: null } };
}

function json({ status, body }: Answer): Response {
  if (status === 204) return new Response(null, { status });
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
}

function absolute(input: RequestInfo | URL): string {
  return new URL(input instanceof Request ? input.url : String(input), "http://epo.test/").href;
}

const reserved = new Set(["select", "order", "limit", "offset"]);

/** matches knows the operators that the console uses. */
function matches(row: Row, name: string, filter: string): boolean {
  if (reserved.has(name)) return true;
  if (name === "or") return filter.slice(1, -1).split(/,(?![^(]*\))/).some((part) => matches(row, part.slice(0, part.indexOf(".")), part.slice(part.indexOf(".") + 1)));
  const value = row[name];
  const dot = filter.indexOf(".");
  const wanted = filter.slice(dot + 1);
  const compare = typeof value === "number" ? value - Number(wanted) : String(value) < wanted ? -1 : String(value) > wanted ? 1 : 0;
  switch (filter.slice(0, dot)) {
    case "eq":
      return compare === 0;
    case "gte":
      return compare >= 0;
    case "lte":
      return compare <= 0;
    case "is":
      return String(value) === wanted;
    case "in":
      return wanted.slice(1, -1).split(",").includes(String(value));
    case "ilike":
      return String(value).toLowerCase().includes(wanted.replaceAll("%", "").toLowerCase());
    default:
      throw new Error(`the fake server does not know the filter ${filter}`);
  }
}

/** asText gives columns that are asked for as "name::text" or "alias:name::text" as the text of their JSON. */
function asText(row: Row, select: string | null): Row {
  const named = [...(select ?? "").matchAll(/(?:^|,)(?:(\w+):)?(\w+)::text/g)].map(([, alias, name = ""]) => ({ name, as: alias ?? name }));
  const texts = named.map(({ name, as }): [string, unknown] => [as, row[name] === undefined || row[name] === null || typeof row[name] === "string" ? row[name] ?? null : JSON.stringify(row[name])]);
  return named.length === 0 ? row : { ...row, ...Object.fromEntries(texts) };
}

function sorted(rows: Row[], order: string | null): Row[] {
  const keys = (order ?? "").split(",").filter(Boolean).map((key) => key.split("."));
  return [...rows].sort((a, b) => {
    for (const [name = "", direction] of keys) {
      const [x, y] = [a[name] as string | number, b[name] as string | number];
      if (x !== y) return (x < y ? -1 : 1) * (direction === "desc" ? -1 : 1);
    }
    return 0;
  });
}
