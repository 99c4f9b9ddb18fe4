import { errorFromBody } from "@/lib/errors";
import { authorizedFetch } from "@/lib/http";
import { save } from "@/lib/download";
import type { Attempt } from "@/lib/schema";

export type LogFormat = "text" | "ndjson";

/**
 * downloadLog has the server write a log and saves it as a file. The access token goes in a header, so no address holds a
 * secret; the browser keeps a large body on disk, not in the page's memory. One that breaks off is an error, not a short file.
 */
export async function downloadLog(attempt: Attempt, format: LogFormat, signal?: AbortSignal): Promise<void> {
  const query = new URLSearchParams({ run: attempt.run_id, attempt: attempt.id, format });
  const response = await authorizedFetch(`/log?${query}`, signal ? { signal } : {});
  if (!response.ok) throw errorFromBody(response.status, await response.json().catch(() => undefined));
  const type = format === "text" ? "text/plain" : "application/x-ndjson";
  save([await response.blob()], `run-${attempt.run_id}-attempt-${attempt.number}.${format === "text" ? "txt" : "ndjson"}`, type);
}
