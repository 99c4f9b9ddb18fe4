/** One line of a run's log, as agents write it (NDJSON). */
import type { Json, JsonObject } from "@/lib/schema";

export const streams = ["output", "object", "error", "warning", "verbose", "debug", "information", "progress", "host", "system"] as const;
export type Stream = (typeof streams)[number];

/** Streams that are lines a person reads; objects and progress have views of their own. */
export const lineStreams: readonly Stream[] = streams.filter((stream) => stream !== "object" && stream !== "progress");

export interface LogRecord {
  seq: number;
  time: string;
  stream: Stream;
  text?: string;
  object?: Json;
}

/** One emitted object: `type`, `string`, and one of value, properties, items, entries. */
export interface EmittedObject {
  type?: string;
  string?: string;
  value?: Json;
  properties?: Record<string, EmittedObject | null>;
  items?: (EmittedObject | null)[];
  entries?: { key: EmittedObject | null; value: EmittedObject | null }[];
}

/** parseRecord reads one line; a line that is no record becomes one that shows it as it is. */
export function parseRecord(line: string, seq: number): LogRecord {
  try {
    const record: unknown = JSON.parse(line);
    if (typeof record === "object" && record !== null && "stream" in record) return { ...(record as LogRecord), seq };
  } catch {
    // shown below
  }
  return { seq, time: "", stream: "system", text: line };
}

const streamOf = /"stream":"([a-z]+)"/;

/** streamOfLine finds the stream without reading the whole line, which may be a megabyte long. */
export function streamOfLine(line: string): string {
  return streamOf.exec(line.slice(0, 160))?.[1] ?? parseRecord(line, 0).stream;
}

/** recordText is the text of a record, also of one that has an object only. */
export function recordText(record: LogRecord): string {
  if (record.text !== undefined) return record.text;
  const object = record.object;
  if (typeof object !== "object" || object === null || Array.isArray(object)) return object === undefined ? "" : JSON.stringify(object);
  if (record.stream === "progress") return progressText(object);
  const name = typeof object["type"] === "string" ? object["type"] : "object";
  return typeof object["string"] === "string" ? `${name}  ${object["string"]}` : name;
}

function progressText(object: JsonObject): string {
  const percent = object["percent"];
  const words = [object["activity"], object["status"], object["operation"]].filter((w): w is string => typeof w === "string" && w !== "");
  return words.join(" · ") + (typeof percent === "number" && percent >= 0 ? ` ${percent} %` : "");
}

/** plainObject turns an emitted object into the JSON that a person expects. */
export function plainObject(object: EmittedObject | null | undefined): Json {
  if (object === null || object === undefined) return null;
  if (object.items) return object.items.map(plainObject);
  if (object.entries) return Object.fromEntries(object.entries.map((e) => [keyText(e.key), plainObject(e.value)]));
  if (object.properties) return Object.fromEntries(Object.entries(object.properties).map(([name, value]) => [name, plainObject(value)]));
  if (object.value !== undefined) return object.value;
  return object.string ?? null;
}

function keyText(key: EmittedObject | null): string {
  const plain = plainObject(key);
  return typeof plain === "string" ? plain : JSON.stringify(plain);
}
