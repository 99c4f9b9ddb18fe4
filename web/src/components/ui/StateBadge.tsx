import css from "./StateBadge.module.css";

type Look = readonly [tone: "good" | "bad" | "warn" | "busy" | "quiet", sign: string];

// A sign beside the colour: colour alone tells nothing to many people.
const looks: Record<string, Look> = {
  queued: ["quiet", "○"],
  pending: ["quiet", "○"],
  claimed: ["busy", "◔"],
  running: ["busy", "▶"],
  succeeded: ["good", "✓"],
  partially_failed: ["warn", "◐"],
  failed: ["bad", "✕"],
  cancelled: ["quiet", "⊘"],
  timed_out: ["bad", "⧖"],
  expired: ["warn", "⧖"],
  unknown: ["warn", "?"],
  skipped: ["quiet", "–"],
  abandoned: ["warn", "⊘"],
  ok: ["good", "✓"],
  warning: ["warn", "⚠"],
  active: ["good", "✓"],
  online: ["good", "●"],
  away: ["warn", "○"],
  revoked: ["bad", "✕"],
  disabled: ["quiet", "⊘"],
};

/** StateBadge names a state of a run, target, attempt or agent, in words, with a sign and a colour. */
export function StateBadge({ state }: { state: string }) {
  const [tone, sign] = looks[state] ?? ["quiet", "·"];
  return (
    <span className={`${css["badge"]} ${css[tone]}`}>
      <span className={css["dot"]} aria-hidden>
        {sign}
      </span>
      {state.replaceAll("_", " ")}
    </span>
  );
}
