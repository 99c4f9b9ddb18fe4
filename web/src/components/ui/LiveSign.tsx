import type { LiveState } from "@/lib/events";

/** LiveSign tells how fresh the page is: as it happens, or asked for every so many milliseconds. */
export function LiveSign({ state, every = 2_000 }: { state: LiveState; every?: number }) {
  return (
    <span role="status" style={{ fontSize: "var(--mantine-font-size-sm)", fontWeight: 400, color: state === "live" ? "var(--epo-good)" : "var(--epo-quiet)" }}>
      {words(state, every)}
    </span>
  );
}

function words(state: LiveState, every: number): string {
  if (state === "connecting") return "connecting…";
  return state === "live" ? "● live" : `○ live updates are blocked: asking every ${every / 1000} s`;
}
