import { Button } from "@mantine/core";
import { SafeText } from "@/components/ui/SafeText";
import { When } from "@/components/ui/When";
import { stringifyExact, type ExactObject } from "@/lib/exactJson";
import type { EarlierRun } from "../../api/getLastRun";
import css from "./parameters.module.css";

/** LastValues offers what the user gave this script the last time. */
export function LastValues({ run, onUse }: { run: EarlierRun | null | undefined; onUse: (values: ExactObject) => void }) {
  if (!run || run.parameters.size === 0) return null;
  return (
    <div className={css["note"]}>
      Your last run, <When at={run.createdAt} relative />:{" "}
      <span className="epo-mono">
        {[...run.parameters].slice(0, 8).map(([name, value], i) => (
          <span key={name}>
            {i > 0 && ", "}
            <SafeText>{`${name} = ${stringifyExact(value).slice(0, 80)}`}</SafeText>
          </span>
        ))}
        {run.parameters.size > 8 && " …"}
      </span>{" "}
      <Button size="compact-sm" variant="default" onClick={() => onUse(run.parameters)}>
        Use these values
      </Button>
    </div>
  );
}
