import type { Json } from "@/lib/schema";
import type { LogCache } from "./logCache";

export interface Activity {
  id: number;
  name: string;
  status: string;
  /** 0 to 100; absent when PowerShell does not know. */
  percent: number | undefined;
}

/** activities reads the last state of each activity out of the lines first..last; completed ones are left out. */
export function activities(cache: Pick<LogCache, "get">, first: number, last: number): Activity[] {
  const found = new Map<number, Activity>();
  for (let seq = first; seq <= last; seq++) {
    const record = cache.get(seq);
    if (typeof record !== "object" || record.stream !== "progress") continue;
    const o = record.object;
    if (typeof o !== "object" || o === null || Array.isArray(o)) continue;
    const id = typeof o["activity_id"] === "number" ? o["activity_id"] : 0;
    const percent = o["percent"];
    if (o["completed"] === true) found.delete(id);
    else
      found.set(id, {
        id,
        name: word(o["activity"]),
        status: word(o["status"]),
        percent: typeof percent === "number" && percent >= 0 ? Math.min(percent, 100) : undefined,
      });
  }
  return [...found.values()];
}

const word = (value: Json | undefined): string => (typeof value === "string" ? value : "");
