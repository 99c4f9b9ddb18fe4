import { Button, Checkbox, Popover, Stack } from "@mantine/core";
import { lineStreams, streams, type Stream } from "../api/logRecord";

interface Props {
  value: readonly Stream[];
  onChange: (streams: Stream[]) => void;
}

/** StreamMenu chooses the streams that are shown. */
export function StreamMenu({ value, onChange }: Props) {
  const toggle = (stream: Stream, on: boolean): void => onChange(streams.filter((s) => (s === stream ? on : value.includes(s))));
  return (
    <Popover position="bottom-start" withinPortal trapFocus>
      <Popover.Target>
        <Button size="xs" variant="default">
          Streams: {streamsLabel(value)}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap="xs">
          <Button size="compact-xs" variant="default" onClick={() => onChange([...lineStreams])}>
            Lines
          </Button>
          <Button size="compact-xs" variant="default" onClick={() => onChange([...streams])}>
            All
          </Button>
          {streams.map((stream) => (
            <Checkbox key={stream} size="xs" label={stream} checked={value.includes(stream)} onChange={(e) => toggle(stream, e.currentTarget.checked)} />
          ))}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

export function streamsLabel(value: readonly Stream[]): string {
  if (value.length === streams.length) return "all";
  if (value.length === lineStreams.length && lineStreams.every((s) => value.includes(s))) return "lines";
  return value.length === 1 ? (value[0] ?? "") : `${value.length} of ${streams.length}`;
}
