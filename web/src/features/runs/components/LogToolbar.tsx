import { Button, Group, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useState } from "react";
import type { Attempt } from "@/lib/schema";
import { lineStreams, type Stream } from "../api/logRecord";
import { DownloadMenu } from "./DownloadMenu";
import { StreamMenu } from "./StreamMenu";

interface Props {
  attempt: Attempt;
  streams: readonly Stream[];
  find: string;
  follow: boolean;
  open: boolean;
  onFollow: (follow: boolean) => void;
  onChoice: (choice: { streams?: Stream[]; find?: string | undefined }) => void;
}

/** LogToolbar: which streams, which text, follow the end, download. */
export function LogToolbar({ attempt, streams, find, follow, open, onFollow, onChoice }: Props) {
  const [text, setText] = useState(find);
  const look = useDebouncedCallback((value: string) => onChoice({ find: value === "" ? undefined : value }), 300);
  const errorsOnly = streams.length === 1 && streams[0] === "error";
  return (
    <Group gap="xs" px="sm" py="xs">
      <StreamMenu value={streams} onChange={(next) => onChoice({ streams: next })} />
      <Button size="xs" variant={errorsOnly ? "filled" : "default"} aria-pressed={errorsOnly} onClick={() => onChoice({ streams: errorsOnly ? [...lineStreams] : ["error"] })}>
        Errors
      </Button>
      <TextInput
        size="xs"
        type="search"
        aria-label="Find in the log"
        placeholder="Find in the log"
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          look(event.currentTarget.value);
        }}
      />
      <Button size="xs" variant={follow ? "filled" : "default"} aria-pressed={follow} onClick={() => onFollow(!follow)}>
        {open ? "Follow" : "To the end"}
      </Button>
      <DownloadMenu attempt={attempt} />
    </Group>
  );
}
