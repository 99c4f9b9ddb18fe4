import { Button, Menu } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import type { Attempt } from "@/lib/schema";
import { downloadLog, type LogFormat } from "../api/downloadLog";

/** DownloadMenu saves a whole log, as people read it or as it was written. */
export function DownloadMenu({ attempt }: { attempt: Attempt }) {
  const download = useMutation({ mutationFn: (format: LogFormat) => downloadLog(attempt, format) });
  return (
    <Menu position="bottom-start">
      <Menu.Target>
        <Button size="xs" variant="default" loading={download.isPending} color={download.isError ? "red" : undefined}>
          {download.isError ? "Download failed" : "Download"}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => download.mutate("text")}>Lines as text</Menu.Item>
        <Menu.Item onClick={() => download.mutate("ndjson")}>All records as NDJSON</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
