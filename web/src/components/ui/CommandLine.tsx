import { Button } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import css from "./CommandLine.module.css";

interface Props {
  command: string;
  label?: string;
}

/** CommandLine shows a command to type, and copies it. */
export function CommandLine({ command, label = "The same on the command line" }: Props) {
  const clipboard = useClipboard();
  return (
    <div>
      <div className={css["label"]}>{label}</div>
      <div className={css["box"]}>
        <code className={css["code"]}>{command}</code>
        <Button size="compact-xs" variant="default" onClick={() => clipboard.copy(command)} aria-label={`Copy: ${label}`}>
          {clipboard.copied ? "Copied" : "Copy"}
        </Button>
      </div>
    </div>
  );
}
