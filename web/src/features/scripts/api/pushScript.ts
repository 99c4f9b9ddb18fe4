import { useMutation, useQueryClient } from "@tanstack/react-query";
import { toBase64 } from "@/lib/bytes";
import { call } from "@/lib/http";

export interface PushScript {
  name: string;
  bytes: Uint8Array;
  description?: string | undefined;
  notes?: string | undefined;
}

export interface Pushed {
  script_id: string;
  script_version_id: string;
  version: number;
  sha256: string;
  size_bytes: number;
  /** false: these are the bytes of the latest version already. */
  created: boolean;
}

export function pushScript({ name, bytes, description, notes }: PushScript): Promise<Pushed> {
  return call<Pushed>("push_script", { name, content: toBase64(bytes), description, notes });
}

export function usePushScript() {
  const client = useQueryClient();
  return useMutation({ mutationFn: pushScript, onSuccess: () => client.invalidateQueries({ queryKey: ["scripts"] }) });
}
