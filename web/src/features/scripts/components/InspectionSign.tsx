import { inspected, waiting, type Inspection } from "@/lib/inspection";
import { StateBadge } from "@/components/ui/StateBadge";
import type { Sign } from "../api/getSigns";

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

/** VersionSign is the sign of a version in a list: only what is not in order has one. */
export function VersionSign({ sign }: { sign: Sign | undefined }) {
  if (!sign) return <span className="epo-quiet">–</span>;
  if (sign.errors > 0) return <span style={{ color: "var(--epo-bad)", fontWeight: 600 }}>✕ {count(sign.errors, "syntax error")}</span>;
  if (sign.warnings > 0) return <span style={{ color: "var(--epo-warn)" }}>⚠ {count(sign.warnings, "warning")}</span>;
  if (sign.state === "pending" || sign.state === "claimed") return <span className="epo-quiet">○ to be inspected</span>;
  return <span className="epo-quiet">–</span>;
}

/** inspectionWords says in one line what is known about a version. */
export function inspectionWords(inspection: Inspection | null): string {
  if (inspection === null) return "Not inspected";
  const { reason } = inspection;
  if (inspection.state === "pending") return "Waiting for an agent to inspect it";
  if (inspection.state === "claimed") return "An agent is reading it";
  if (inspection.state !== "done") return `The inspection ${inspection.state === "expired" ? "expired" : "failed"}${reason === null ? "" : `: ${reasonWords(reason)}`}`;
  if (!inspected(inspection)) return `Not inspected: ${reasonWords(reason)}`;
  const hard = inspection.errors.filter((e) => !e.environment).length;
  const soft = inspection.errors.length - hard;
  if (hard > 0) return `${count(hard, "syntax error")}: this version cannot run`;
  return soft > 0 ? `No syntax error; ${count(soft, "warning")} of the machine that read it` : "No syntax error";
}

const reasons: Record<string, string> = {
  configuration: "it has a configuration block, which cannot be read without running code",
  timeout: "reading it took too long",
  memory: "reading it took too much memory",
};

export function reasonWords(code: string | null): string {
  return code === null ? "the reason is not known" : (reasons[code] ?? code);
}

/** InspectionBadge is the state of an inspection beside other facts. */
export function InspectionBadge({ inspection }: { inspection: Inspection | null }) {
  const words = inspectionWords(inspection);
  if (inspection === null || (inspection.state === "done" && !inspected(inspection))) return <span className="epo-quiet">{words}</span>;
  if (waiting(inspection)) return <span role="status">○ {words}</span>;
  if (inspection.state !== "done") return <StateBadge state={inspection.state} />;
  const bad = inspection.errors.some((e) => !e.environment);
  return <span style={{ color: bad ? "var(--epo-bad)" : inspection.errors.length > 0 ? "var(--epo-warn)" : "var(--epo-good)", fontWeight: 600 }}>{`${bad ? "✕" : inspection.errors.length > 0 ? "⚠" : "✓"} ${words}`}</span>;
}
