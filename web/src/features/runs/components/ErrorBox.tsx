import { Alert } from "@mantine/core";
import { SafeText } from "@/components/ui/SafeText";
import type { ErrorInfo } from "@/lib/schema";

/** ErrorBox shows why a target failed, as PowerShell said it. */
export function ErrorBox({ error }: { error: ErrorInfo }) {
  const details = [error.position, error.stack_trace, error.error_id && `${error.error_id} (${error.category ?? "no category"})`].filter((s): s is string => Boolean(s));
  return (
    <Alert color="red" variant="light" m="sm" title={error.code.replaceAll("_", " ")}>
      <SafeText>{error.message}</SafeText>
      {details.length > 0 && (
        <details>
          <summary>Where</summary>
          <div className="epo-mono">
            {details.flatMap((d) => d.split("\n")).map((line, i) => (
              <div key={i}>
                <SafeText>{line}</SafeText>
              </div>
            ))}
          </div>
        </details>
      )}
    </Alert>
  );
}
