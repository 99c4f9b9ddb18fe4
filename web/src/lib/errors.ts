/** ApiError is every failure of a call, also of one that never reached the server. `code` is stable; texts are for people. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: string | null = null,
    readonly hint: string | null = null,
  ) {
    super(message);
  }
}

/** Code of an error that the client makes itself: no answer came. */
export const unreachable = "server_unreachable";

export function unreachableError(cause: unknown): ApiError {
  return new ApiError(0, unreachable, "The server did not answer.", cause instanceof Error ? cause.message : null);
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof ApiError ? error.code : undefined;
}

export function isUnreachable(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status === 502 || error.status === 503 || error.status === 504);
}

/** isNotAllowed: the server knows who asks and refuses (PostgreSQL's own refusal has the code 42501). */
export function isNotAllowed(error: unknown): boolean {
  return error instanceof ApiError && error.status === 403;
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 404 || error.code === "PGRST116");
}

interface ErrorBody {
  code?: unknown;
  message?: unknown;
  details?: unknown;
  hint?: unknown;
}

const text = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);

/** errorFromBody reads `{code, message, details, hint}`; anything else becomes an error that names the status. */
export function errorFromBody(status: number, body: unknown): ApiError {
  const b: ErrorBody = typeof body === "object" && body !== null ? body : {};
  return new ApiError(status, text(b.code) ?? `http_${status}`, text(b.message) ?? `The server answered ${status}.`, text(b.details), text(b.hint));
}

/** aborted tells a request that the caller gave up on from one that failed. */
export function aborted(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
