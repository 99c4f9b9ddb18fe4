import { Alert, Anchor } from "@mantine/core";
import { SafeText } from "@/components/ui/SafeText";
import type { SyntaxFault } from "@/lib/inspection";

/** FaultList lists what the parser found, the errors of the script first; each leads to its line. */
export function FaultList({ faults, onLine }: { faults: readonly SyntaxFault[]; onLine: (line: number) => void }) {
  const hard = faults.filter((f) => !f.environment);
  const soft = faults.filter((f) => f.environment);
  return (
    <>
      {hard.length > 0 && (
        <Alert color="red" variant="light" mb="sm" title={hard.length === 1 ? "A syntax error: this version cannot run" : `${hard.length} syntax errors: this version cannot run`}>
          <Faults faults={hard} onLine={onLine} />
        </Alert>
      )}
      {soft.length > 0 && (
        <Alert color="yellow" variant="light" mb="sm" title="Missing on the machine that read it; it can run elsewhere">
          <Faults faults={soft} onLine={onLine} />
        </Alert>
      )}
    </>
  );
}

function Faults({ faults, onLine }: { faults: readonly SyntaxFault[]; onLine: (line: number) => void }) {
  return (
    <ul style={{ margin: 0, paddingLeft: "1.2rem" }} aria-label="Errors">
      {faults.slice(0, 50).map((fault, i) => (
        <li key={i}>
          <Anchor component="button" type="button" size="sm" onClick={() => onLine(fault.line)}>
            Line {fault.line}, column {fault.column}
          </Anchor>
          : <SafeText>{fault.message}</SafeText> <span className="epo-quiet epo-mono">{<SafeText>{fault.id}</SafeText>}</span>
        </li>
      ))}
      {faults.length > 50 && <li>and {faults.length - 50} more</li>}
    </ul>
  );
}
