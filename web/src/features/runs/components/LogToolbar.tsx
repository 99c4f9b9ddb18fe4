import { Button, Group } from "@mantine/core";
import type { Attempt } from "@/lib/schema";
import { lineStreams, type Stream } from "../api/logRecord";
import type { Find } from "../api/useFind";
import { DownloadMenu } from "./DownloadMenu";
import { FindBar } from "./FindBar";
import { StreamMenu } from "./StreamMenu";

interface Props {
  attempt: Attempt;
  streams: readonly Stream[];
  text: string;
  only: boolean;
  find: Find | undefined;
  follow: boolean;
  open: boolean;
  onFollow: (follow: boolean) => void;
  onChoice: (choice: { streams?: Stream[]; find?: string | undefined; only?: boolean | undefined }) => void;
}

/** LogToolbar: which streams, which text, follow the end, download. */
export function LogToolbar({ attempt, streams, text, only, find, follow, open, onFollow, onChoice }: Props) {
  const errorsOnly = streams.length === 1 && streams[0] === "error";
  return (
    <Group gap="xs" px="sm" py="xs">
      <StreamMenu value={streams} onChange={(next) => onChoice({ streams: next })} />
      <Button size="xs" variant={errorsOnly ? "filled" : "default"} aria-pressed={errorsOnly} onClick={() => onChoice({ streams: errorsOnly ? [...lineStreams] : ["error"] })}>
        Errors
      </Button>
      <FindBar text={text} only={only} find={find} onText={(next) => onChoice({ find: next })} onOnly={(next) => onChoice({ only: next || undefined })} />
      <Button size="xs" variant={follow ? "filled" : "default"} aria-pressed={follow} onClick={() => onFollow(!follow)}>
        {open ? "Follow" : "To the end"}
      </Button>
      <DownloadMenu attempt={attempt} />
    </Group>
  );
}
