import { save } from "@/lib/download";
import type { Attempt, LogChunk } from "@/lib/schema";
import { getLogWindow } from "./getLogWindow";
import { splitChunk } from "./logCache";
import { lineStreams, parseRecord, recordText } from "./logRecord";

export type LogFormat = "text" | "ndjson";

const stride = 20_000;

/** downloadLog reads a log part by part and saves it as a file. */
export async function downloadLog(attempt: Attempt, format: LogFormat): Promise<void> {
  const parts: Blob[] = [];
  for (let first = 1; first < attempt.next_seq; first += stride) {
    const last = Math.min(first + stride, attempt.next_seq) - 1;
    const chunks = await getLogWindow(attempt.id, first, last);
    parts.push(new Blob([chunks.map((chunk) => part(chunk, first, last, format)).join("")]));
  }
  const type = format === "text" ? "text/plain" : "application/x-ndjson";
  save(parts, `run-${attempt.run_id}-attempt-${attempt.number}.${format === "text" ? "txt" : "ndjson"}`, type);
}

/** part is what a chunk has within first..last: chunks lie across the edges of what is asked for. */
export function part(chunk: LogChunk, first: number, last: number, format: LogFormat): string {
  return splitChunk(chunk)
    .map((line, i) => ({ line, seq: chunk.first_seq + i }))
    .filter(({ seq }) => seq >= first && seq <= last)
    .map(({ line, seq }) => (format === "ndjson" ? `${line}\n` : asText(line, seq)))
    .join("");
}

function asText(line: string, seq: number): string {
  const record = parseRecord(line, seq);
  if (!lineStreams.includes(record.stream)) return "";
  const mark = record.stream === "output" || record.stream === "host" ? "" : `${record.stream.toUpperCase()}: `;
  return `${mark}${recordText(record).replace(/(\r?\n)+$/, "")}\n`;
}
