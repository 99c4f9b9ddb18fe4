import { queryOptions, useQuery } from "@tanstack/react-query";
import { decodeScript, fromBase64 } from "@/lib/bytes";
import { db, read } from "@/lib/http";

export interface Source {
  bytes: Uint8Array<ArrayBuffer>;
  text: string;
}

/** sourceQuery reads the exact bytes of a version. They never change. */
export function sourceQuery(versionId: string) {
  return queryOptions({
    queryKey: ["scripts", "source", versionId],
    queryFn: async ({ signal }): Promise<Source> => {
      const row = await read<{ content: string }>(db.from("script_contents").select("content").eq("script_version_id", versionId).abortSignal(signal).single());
      const bytes = fromBase64(row.content);
      return { bytes, text: decodeScript(bytes) };
    },
    staleTime: Infinity,
    gcTime: 60_000,
  });
}

export function useSource(versionId: string | null | undefined) {
  return useQuery({ ...sourceQuery(versionId ?? ""), enabled: typeof versionId === "string" });
}
