import { Progress } from "@mantine/core";
import { useEffect } from "react";
import { SafeText } from "@/components/ui/SafeText";
import type { LogCache } from "../api/logCache";
import { activities } from "../api/progress";

/** How many of the last records are looked at for progress. */
const recent = 300;

/** ProgressBars shows what Write-Progress said last, one bar for each activity that goes on. */
export function ProgressBars({ cache, total }: { cache: LogCache; total: number }) {
  const first = Math.max(1, total - recent + 1);
  useEffect(() => {
    if (total > 0) cache.load(first, total).catch(() => undefined); // the log itself tells about the failure
  }, [cache, first, total]);
  const shown = activities(cache, first, total);
  if (shown.length === 0) return null;
  return (
    <div style={{ padding: "0 0.9rem 0.6rem" }}>
      {shown.map((activity) => (
        <div key={activity.id}>
          <SafeText>{[activity.name, activity.status].filter(Boolean).join(" · ")}</SafeText>
          <Progress value={activity.percent ?? 100} animated={activity.percent === undefined} aria-label={activity.name} />
        </div>
      ))}
    </div>
  );
}
