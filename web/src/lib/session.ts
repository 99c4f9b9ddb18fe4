/**
 * The session of this tab. The access token lives here and nowhere else: never in storage, never in an address, never in a
 * component. The refresh token is an HttpOnly cookie that script cannot read; tabs that share it refresh one after the other
 * under a Web Lock, since it works once.
 */
import { ApiError, codeOf, errorFromBody, unreachableError } from "@/lib/errors";

export interface User {
  id: string;
  name: string;
  display_name: string;
  roles: string[];
  tenant_id: string;
  tenant: string;
}

interface Grant {
  access_token: string;
  expires_in: number;
  user: User;
}

export type SessionState =
  | { phase: "starting" } // the cookie was not tried yet
  | { phase: "unreachable" } // it could not be tried
  | { phase: "signed-out" }
  | { phase: "signed-in"; user: User }
  | { phase: "expired"; user: User }; // pages stay as they are, and wait for a new sign-in

export interface Credentials {
  tenant?: string;
  user: string;
  password: string;
}

// A token is renewed this long before its end, so that a request does not arrive with a dead one.
const margin = 30_000;

export class Session {
  private state: SessionState = { phase: "starting" };
  private token = "";
  private goodUntil = 0;
  private refreshing: Promise<void> | undefined;
  private readonly listeners = new Set<() => void>();
  private waiting: (() => void)[] = [];
  private readonly channel = typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel("epo-session");

  constructor() {
    this.channel?.addEventListener("message", (event: MessageEvent<unknown>) => {
      if (event.data === "signed-out") this.end();
      if (event.data === "signed-in" && this.state.phase === "signed-out") void this.start();
    });
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly current = (): SessionState => this.state;

  user(): User | undefined {
    return this.state.phase === "signed-in" || this.state.phase === "expired" ? this.state.user : undefined;
  }

  /** start tries the cookie. It never throws: the outcome is the state. */
  async start(): Promise<void> {
    try {
      await this.refresh();
    } catch (error) {
      this.change(refused(error) ? { phase: "signed-out" } : { phase: "unreachable" });
    }
  }

  async signIn(credentials: Credentials): Promise<void> {
    this.accept(await post<Grant>("/auth/sign-in", { ...credentials, client: "browser" }));
    this.channel?.postMessage("signed-in");
  }

  /** signOut ends the session here and in the other tabs, also when the server cannot be reached to end it there. */
  async signOut(): Promise<void> {
    const token = this.token;
    this.end();
    this.channel?.postMessage("signed-out");
    await post("/auth/sign-out", undefined, token).catch(() => undefined);
  }

  /** accessToken returns a token that is good for a while, and waits for a new sign-in when the session has ended. */
  async accessToken(signal?: AbortSignal | null): Promise<string> {
    while (Date.now() > this.goodUntil - margin) {
      if (this.state.phase === "signed-out") throw new ApiError(401, "not_signed_in", "You are not signed in.");
      if (this.state.phase === "expired") await this.signedIn(signal);
      else await this.refreshOrExpire();
    }
    return this.token;
  }

  /** rejected tells that the server refused this token, whatever its clock says. */
  rejected(token: string): void {
    if (token === this.token) this.goodUntil = 0;
  }

  private async refreshOrExpire(): Promise<void> {
    try {
      await this.refresh();
    } catch (error) {
      if (!refused(error)) throw error;
      const user = this.user();
      this.change(user ? { phase: "expired", user } : { phase: "signed-out" });
    }
  }

  private refresh(): Promise<void> {
    this.refreshing ??= underLock(() => post<Grant>("/auth/refresh"))
      .then((grant) => this.accept(grant))
      .finally(() => (this.refreshing = undefined));
    return this.refreshing;
  }

  private signedIn(signal?: AbortSignal | null): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push(resolve);
      signal?.addEventListener("abort", () => reject(new DOMException("given up", "AbortError")));
    });
  }

  private accept(grant: Grant): void {
    this.token = grant.access_token;
    this.goodUntil = Date.now() + grant.expires_in * 1000;
    this.change({ phase: "signed-in", user: grant.user });
    for (const resume of this.waiting.splice(0)) resume();
  }

  private end(): void {
    this.token = "";
    this.goodUntil = 0;
    this.change({ phase: "signed-out" });
    for (const resume of this.waiting.splice(0)) resume();
  }

  private change(state: SessionState): void {
    this.state = state;
    for (const listener of this.listeners) listener();
  }
}

/** refused: the server knows the cookie no more. Any other failure says nothing about the session. */
function refused(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}

function underLock<T>(work: () => Promise<T>): Promise<T> {
  // Without a secure context there are no locks: the server takes a predecessor token for 10 s, which covers a race of tabs.
  if (!("locks" in navigator)) return work();
  return navigator.locks.request("epo-refresh", work);
}

/** post sends a body, or none: the browser adds the cookie where it belongs. */
async function post<T>(path: string, body?: unknown, token?: string): Promise<T> {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers["Authorization"] = `Bearer ${token}`;
  let response: Response;
  try {
    response = await fetch(path, { method: "POST", headers, body: body === undefined ? null : JSON.stringify(body), credentials: "same-origin", cache: "no-store" });
  } catch (cause) {
    throw unreachableError(cause);
  }
  const answer: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw errorFromBody(response.status, answer);
  return answer as T;
}

/** signInMessage is what a person is told about a failed sign-in. */
export function signInMessage(error: unknown): string {
  const code = codeOf(error);
  if (code === "sign_in_failed") return "Tenant, user name or password is wrong.";
  if (code === "too_many_attempts") return "Too many attempts. Wait a minute, then try again.";
  return error instanceof Error ? error.message : "The sign-in failed.";
}

export const session = new Session();
