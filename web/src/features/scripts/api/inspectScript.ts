import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call } from "@/lib/http";

/** useInspectScript has a version inspected again, as after a failure or with a new PowerShell. */
export function useInspectScript(versionId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => call<{ inspection_id: string; state: string }>("inspect_script", { script_version_id: versionId }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["inspections"] }),
  });
}
