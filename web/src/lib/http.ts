/** Calls to the server that carry the session. Everything that is no sign-in goes through `authorizedFetch`. */
import { PostgrestClient } from "@supabase/postgrest-js";
import { connection } from "@/lib/connection";
import { aborted, ApiError, errorFromBody, isUnreachable, unreachableError } from "@/lib/errors";
import { session } from "@/lib/session";

/**
 * authorizedFetch adds the access token. A 401 is answered by one refresh and one repetition: the server did nothing yet. When
 * the session has ended, the call waits until the user has signed in again, so that nothing typed is lost.
 */
export async function authorizedFetch(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const token = await session.accessToken(init.signal);
    const headers = new Headers(init.headers);
    headers.set("Authorization", `Bearer ${token}`);
    const response = await reach(input, { ...init, headers });
    if (response.status !== 401 || attempt > 3) return response;
    session.rejected(token);
  }
}

async function reach(input: RequestInfo | URL, init: RequestInit): Promise<Response> {
  try {
    const response = await fetch(input, init);
    if (response.status < 502 || response.status > 504) connection.answered();
    return response;
  } catch (cause) {
    if (aborted(cause)) throw cause;
    connection.failed();
    throw unreachableError(cause);
  }
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- rows are typed where they are read, see lib/schema.ts
export const db = new PostgrestClient<any, any, "public">(`${location.origin}/api`, { fetch: authorizedFetch });

interface Answer {
  data: unknown;
  error: { code: string; message: string; details: string | null; hint: string | null } | null;
  status: number;
}

/** read waits for a query and returns its rows, or throws an ApiError. */
export async function read<T>(query: PromiseLike<Answer>): Promise<T> {
  const { data, error, status } = await query;
  if (!error) return data as T;
  if (status === 0 && /AbortError/.test(error.message)) throw new DOMException("given up", "AbortError");
  if (status === 0) throw unreachableError(new Error(error.message));
  throw errorFromBody(status, error);
}

/** call runs a function of the API with named arguments; arguments that are undefined are left out. */
export async function call<T>(name: string, args: Record<string, unknown>, signal?: AbortSignal): Promise<T> {
  const query = db.rpc(name, args);
  return read<T>(signal ? query.abortSignal(signal) : query);
}

/** callText runs a function whose arguments are JSON already. */
export async function callText<T>(name: string, body: string): Promise<T> {
  return answer<T>(await authorizedFetch(`/api/rpc/${name}`, { method: "POST", headers: { "Content-Type": "application/json", Accept: "application/json" }, body }));
}

/** post sends a request to the part of the server that is no view and no function: sign-in and people. */
export async function post<T>(path: string, body: unknown): Promise<T> {
  return answer<T>(await authorizedFetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), cache: "no-store" }));
}

async function answer<T>(response: Response): Promise<T> {
  const body: unknown = response.status === 204 ? undefined : await response.json().catch(() => undefined);
  if (!response.ok) throw errorFromBody(response.status, body);
  return body as T;
}

/** shouldRetry: reads are tried again when nobody answered; what the server said stays said. */
export function shouldRetry(failures: number, error: unknown): boolean {
  return failures < 3 && (isUnreachable(error) || (error instanceof ApiError && error.status >= 500));
}
