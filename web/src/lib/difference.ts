import type { Json, JsonObject } from "@/lib/schema";

export interface Change {
  name: string;
  from: Json | undefined; // undefined: was not there
  to: Json | undefined;
}

/** changes lists the fields of a row that differ, in the order of the rows. */
export function changes(before: JsonObject | null, after: JsonObject | null): Change[] {
  const names = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  return [...names]
    .map((name) => ({ name, from: before?.[name], to: after?.[name] }))
    .filter(({ from, to }) => stable(from) !== stable(to) && !(from === undefined && to === null)); // a new row's empty fields tell nothing
}

/** show is a value in one line. */
export function show(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** stable is JSON with sorted keys: the order of keys is no difference. */
function stable(value: Json | undefined): string {
  return (
    JSON.stringify(value, (_, v: unknown) =>
      typeof v === "object" && v !== null && !Array.isArray(v) ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1))) : v,
    ) ?? "absent"
  );
}
