/** Times as people read them. All come as ISO 8601 and are shown in the browser's zone or in UTC, whichever the user chose. */
export type Zone = "local" | "utc";

const pad = (n: number, width = 2): string => String(n).padStart(width, "0");

/** stamp is a time to the second, or to the millisecond: 2026-11-26 14:03:59. UTC carries a Z. */
export function stamp(iso: string, zone: Zone, milliseconds = false): string {
  const d = new Date(iso);
  if (Number.isNaN(d.getTime())) return iso;
  const part = (name: "FullYear" | "Month" | "Date" | "Hours" | "Minutes" | "Seconds" | "Milliseconds"): number =>
    zone === "utc" ? d[`getUTC${name}`]() : d[`get${name}`]();
  const date = `${part("FullYear")}-${pad(part("Month") + 1)}-${pad(part("Date"))}`;
  const time = `${pad(part("Hours"))}:${pad(part("Minutes"))}:${pad(part("Seconds"))}`;
  return `${date} ${time}${milliseconds ? `.${pad(part("Milliseconds"), 3)}` : ""}${zone === "utc" ? "Z" : ""}`;
}

/** clock is the time of day with milliseconds, for a line of a log. */
export function clock(iso: string, zone: Zone): string {
  return stamp(iso, zone, true).slice(11).replace("Z", "");
}

/** ago is a distance in words: "3 min ago", "in 5 s". */
export function ago(iso: string, now: number): string {
  const seconds = Math.round((now - new Date(iso).getTime()) / 1000);
  if (Number.isNaN(seconds)) return iso;
  if (Math.abs(seconds) < 2) return "just now";
  const words = span(Math.abs(seconds));
  return seconds > 0 ? `${words} ago` : `in ${words}`;
}

function span(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** duration is the time between two moments: 850 ms, 4.2 s, 3 min 5 s, 2 h 10 min. */
export function duration(from: string, to: string | number): string {
  const ms = (typeof to === "number" ? to : new Date(to).getTime()) - new Date(from).getTime();
  if (!(ms >= 0)) return "0 ms";
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
