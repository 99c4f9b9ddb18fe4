import type { LiveState } from "@/lib/events";

const words: Record<LiveState, string> = {
  connecting: "connecting…",
  live: "● live",
  polling: "○ live updates are blocked: asking every 2 s",
};

/** LiveSign tells how fresh the page is. */
export function LiveSign({ state }: { state: LiveState }) {
  return (
    <span role="status" style={{ fontSize: "var(--mantine-font-size-sm)", fontWeight: 400, color: state === "live" ? "var(--epo-good)" : "var(--epo-quiet)" }}>
      {words[state]}
    </span>
  );
}
