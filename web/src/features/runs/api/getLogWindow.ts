import { db, read } from "@/lib/http";
import type { LogChunk } from "@/lib/schema";

/** getLogWindow reads the stored chunks of an attempt that hold any of the lines first..last, in order. */
export function getLogWindow(attemptId: string, first: number, last: number, signal?: AbortSignal): Promise<LogChunk[]> {
  const query = db
    .from("job_run_logs")
    .select("first_seq,last_seq,chunk")
    .eq("attempt_id", attemptId)
    .gte("last_seq", first)
    .lte("first_seq", last)
    .order("first_seq");
  return read<LogChunk[]>(signal ? query.abortSignal(signal) : query);
}
