import { Alert } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { SafeText } from "@/components/ui/SafeText";
import { blocking, inspected, waiting, type Inspection } from "@/lib/inspection";

interface Props {
  scriptId: string;
  version: number | null;
  /** null: there is none; undefined: not known yet. */
  inspection: Inspection | null | undefined;
}

/** InspectionNotice says what is known about the script's parameters, where that is not everything. */
export function InspectionNotice({ scriptId, version, inspection }: Props) {
  if (inspection === undefined || (inspected(inspection) && inspection.errors.length === 0)) return null;
  if (inspection !== null && inspection.errors.length > 0) return <Faults scriptId={scriptId} version={version} inspection={inspection} />;
  return (
    <Alert color={waiting(inspection) ? "blue" : "yellow"} variant="light" role="status" title={title(inspection)}>
      The form is made of the script&apos;s param() block, which is not known. Give the parameters as JSON; nothing checks them before PowerShell does.
      {waiting(inspection) && (
        <>
          {" "}
          The form appears when an agent has read it: <Link to="/agents">Agents</Link>.
        </>
      )}
    </Alert>
  );
}

function title(inspection: Inspection | null): string {
  if (inspection === null) return "This version was not inspected";
  switch (inspection.state) {
    case "pending":
      return "This version waits for an agent to inspect it";
    case "claimed":
      return "An agent is inspecting this version";
    case "done":
      return `This version could not be inspected: ${reason(inspection.reason)}`;
    case "failed":
    case "expired":
      return inspection.reason === null ? "The inspection of this version failed" : `The inspection of this version failed: ${reason(inspection.reason)}`;
  }
}

const reasons: Record<string, string> = {
  configuration: "it has a configuration block, which cannot be read without running code",
  timeout: "reading it took too long",
  memory: "reading it took too much memory",
};

function reason(code: string | null): string {
  return code === null ? "the reason is not known" : (reasons[code] ?? code);
}

/** Faults lists what the parser found. Errors of the script keep it from running; those of the machine do not. */
function Faults({ scriptId, version, inspection }: { scriptId: string; version: number | null; inspection: Inspection }) {
  const hard = blocking(inspection);
  const shown = hard.length > 0 ? hard : inspection.errors;
  return (
    <Alert color={hard.length > 0 ? "red" : "yellow"} variant="light" role={hard.length > 0 ? "alert" : "status"} title={hard.length > 0 ? "This version has syntax errors and cannot run" : "On the agent that read it, something is missing"}>
      <ul style={{ margin: 0, paddingLeft: "1.2rem" }}>
        {shown.slice(0, 10).map((fault, i) => (
          <li key={i}>
            <Link to="/scripts/$scriptId" params={{ scriptId }} search={{ tab: "source", version: version ?? undefined, line: fault.line }}>
              Line {fault.line}, column {fault.column}
            </Link>
            : <SafeText>{fault.message}</SafeText>
          </li>
        ))}
      </ul>
      {shown.length > 10 && <div>and {shown.length - 10} more</div>}
    </Alert>
  );
}
