import { Button, Checkbox, Group, Progress, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useState, type KeyboardEvent } from "react";
import type { Find } from "../api/useFind";

interface Props {
  text: string;
  only: boolean;
  find: Find | undefined;
  onText: (text: string | undefined) => void;
  onOnly: (only: boolean) => void;
}

/** FindBar looks for text in a log: Enter goes to the next hit, Shift+Enter to the one before, Escape ends the search. */
export function FindBar({ text: given, only, find, onText, onOnly }: Props) {
  const [text, setText] = useState(given);
  const look = useDebouncedCallback((value: string) => onText(value === "" ? undefined : value), 300);
  const keys = (event: KeyboardEvent<HTMLInputElement>): void => {
    if (event.key === "Escape" && text !== "") {
      event.preventDefault();
      setText("");
      onText(undefined);
    }
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (text !== given) onText(text === "" ? undefined : text);
    else if (event.shiftKey) find?.previous();
    else find?.next();
  };
  return (
    <Group gap="xs" role="search" aria-label="Log">
      <TextInput
        size="xs"
        type="search"
        aria-label="Find in the log"
        placeholder="Find in the log"
        maxLength={1000}
        value={text}
        onKeyDown={keys}
        onChange={(event) => {
          setText(event.currentTarget.value);
          look(event.currentTarget.value);
        }}
      />
      {find && (
        <>
          <Button size="xs" variant="default" disabled={find.count === 0} onClick={find.previous} aria-label="Previous hit">
            ↑
          </Button>
          <Button size="xs" variant="default" disabled={find.count === 0} onClick={find.next} aria-label="Next hit">
            ↓
          </Button>
          <span role="status">{hits(find)}</span>
          {find.progress !== undefined && (
            <>
              <Progress value={100 * find.progress} size="sm" w="6rem" aria-label="Searched" />
              <Button size="compact-xs" variant="default" onClick={find.stopped ? find.resume : find.stop}>
                {find.stopped ? "Go on" : "Stop"}
              </Button>
            </>
          )}
          <Checkbox size="xs" label="Only hits" checked={only} onChange={(event) => onOnly(event.currentTarget.checked)} />
        </>
      )}
    </Group>
  );
}

/** hits tells how many there are, and how far the search has come. */
export function hits({ count, position, progress, stopped }: Pick<Find, "count" | "position" | "progress" | "stopped">): string {
  const number = count.toLocaleString("en");
  const all = count === 1 ? "1 hit" : `${count === 0 ? "no" : number} hits`;
  const found = position === undefined ? all : `${(position + 1).toLocaleString("en")} of ${all}`;
  if (progress === undefined) return found;
  return `${found} ${stopped ? "up to" : "so far,"} ${Math.floor(100 * progress)} %`;
}
