import { Button, Group } from "@mantine/core";
import { PlainCode } from "@/components/ui/Code";
import { Panel } from "@/components/ui/Page";
import { SafeText } from "@/components/ui/SafeText";
import { save } from "@/lib/download";
import { useZone } from "@/lib/preferences";
import { stamp } from "@/lib/time";
import { recordText, type LogRecord } from "../api/logRecord";
import css from "./RecordDetail.module.css";

/** Characters shown of one record; more of them can be saved as a file. */
const shown = 100_000;

interface Props {
  seq: number;
  record: LogRecord | "gone" | undefined;
  onClose: () => void;
}

/** RecordDetail shows one record whole: all its lines, and the object it carries. */
export function RecordDetail({ seq, record, onClose }: Props) {
  const zone = useZone();
  const known = typeof record === "object" ? record : undefined;
  const text = known ? recordText(known) : "";
  return (
    <Panel
      title={`Line ${seq}`}
      side={
        <Group gap="xs">
          {known && <span className="epo-quiet">{`${known.stream} · ${known.time && stamp(known.time, zone, true)}`}</span>}
          {known && (
            <Button size="compact-xs" variant="default" onClick={() => save([text], `line-${seq}.txt`, "text/plain")}>
              Save text
            </Button>
          )}
          <Button size="compact-xs" variant="default" onClick={onClose}>
            Close
          </Button>
        </Group>
      }
    >
      <div className={css["text"]} tabIndex={0} role="region" aria-label={`Text of line ${seq}`}>
        {record === "gone" && "This line is no longer stored."}
        {known && lines(text).map((line, i) => (
          <div key={i}>
            <SafeText line>{line}</SafeText>
          </div>
        ))}
        {text.length > shown && <div className="epo-quiet">{`… ${(text.length - shown).toLocaleString("en")} more characters: save the text to see them`}</div>}
      </div>
      {known?.object !== undefined && <PlainCode label={`Object of line ${seq}`} value={JSON.stringify(known.object, null, 2).slice(0, shown)} />}
    </Panel>
  );
}

const lines = (text: string): string[] => text.slice(0, shown).replace(/(\r?\n)+$/, "").split(/\r?\n/);
