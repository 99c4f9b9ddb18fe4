/** Times and durations as a form takes them and as PowerShell reads them. */

const moment = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?))?(Z|[+-]\d\d:\d\d)?$/i;
export const dayText = /^\d{4}-\d\d-\d\d$/;
export const timeText = /^\d\d:\d\d(:\d\d)?$/;

export interface Moment {
  /** As an input of type datetime-local has it. */
  local: string;
  /** "": the clock of the machine where the script runs; "Z", or a distance to UTC. */
  zone: string;
}

export function readMoment(text: string): Moment | undefined {
  const found = moment.exec(text);
  if (!found || Number.isNaN(Date.parse(found[1] ?? ""))) return undefined;
  return { local: `${found[1]}T${found[2] ?? "00:00"}`, zone: (found[3] ?? "").toUpperCase() };
}

export function writeMoment({ local, zone }: Moment): string {
  return `${local.length === 16 ? `${local}:00` : local}${zone}`;
}

/** offset is the distance to UTC of this browser at a moment of its own clock: +01:00. */
export function offset(local: string): string {
  const date = new Date(local);
  const minutes = Number.isNaN(date.getTime()) ? 0 : -date.getTimezoneOffset();
  const two = (n: number): string => String(n).padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
}

const clock = /^(-?)(?:(\d{1,8})[.:])?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,7}))?)?$/;
const words = /^(\d+(?:\.\d+)?)\s*(ms|milliseconds?|s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)$/i;
const units: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** readSpan reads a duration: as .NET writes it (1.02:03:04.5), or a number with a unit (90 s). It returns the .NET form. */
export function readSpan(text: string): string | undefined {
  const trimmed = text.trim();
  const found = clock.exec(trimmed);
  if (found) return Number(found[3]) < 24 && Number(found[4]) < 60 && Number(found[5] ?? 0) < 60 ? trimmed : undefined;
  const counted = words.exec(trimmed);
  if (!counted) return undefined;
  const unit = (counted[2] ?? "").toLowerCase();
  const ms = Math.round(Number(counted[1]) * (units[unit.startsWith("ms") || unit.startsWith("milli") ? "ms" : unit.charAt(0)] ?? 0));
  return ms <= 900_000_000_000_000 ? span(ms) : undefined;
}

/** isSpan: .NET reads this text as a duration; a whole number is days. */
export function isSpan(text: string): boolean {
  return /^\s*-?\d{1,8}\s*$/.test(text) || (clock.test(text.trim()) && readSpan(text) !== undefined);
}

function span(ms: number): string {
  const two = (n: number): string => String(Math.floor(n)).padStart(2, "0");
  const days = Math.floor(ms / 86_400_000);
  const rest = ms % 1000;
  return `${days > 0 ? `${days}.` : ""}${two((ms / 3_600_000) % 24)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}${rest > 0 ? `.${String(rest).padStart(3, "0")}` : ""}`;
}
