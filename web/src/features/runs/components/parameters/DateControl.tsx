import { NativeSelect, TextInput } from "@mantine/core";
import { plain } from "@/lib/text";
import { holdPiece, textPiece } from "../../api/draft";
import { offset, readMoment, writeMoment, type Moment } from "../../api/timeText";
import { Description } from "./Description";
import { pieceText, type ControlProps } from "./field";
import css from "./parameters.module.css";

type DateKind = { kind: "date"; zone: boolean };

/** DateControl asks for a date with its time, and for the clock that it is of. */
export function DateControl({ field, control, error, onChange }: ControlProps<DateKind>) {
  const { parameter, held } = field;
  const moment: Moment = readMoment(pieceText(control, held)) ?? { local: "", zone: control.zone ? "Z" : "" };
  const change = (next: Moment): void => onChange(next.local === "" ? undefined : holdPiece(control, textPiece(writeMoment(next))));
  const here = offset(moment.local || new Date().toISOString().slice(0, 16));
  const zones = [
    { value: "", label: "the machine's clock" },
    { value: "Z", label: "UTC" },
    { value: here, label: `this browser's clock, UTC${here}` },
    ...(moment.zone === "" || moment.zone === "Z" || moment.zone === here ? [] : [{ value: moment.zone, label: `UTC${moment.zone}` }]),
  ];
  return (
    <>
      <TextInput
        type="datetime-local"
        step={1}
        label={plain(parameter.name)}
        description={<Description parameter={parameter} />}
        required={field.mandatory}
        error={error && plain(error)}
        value={moment.local}
        onChange={(e) => change({ ...moment, local: e.currentTarget.value })}
      />
      {moment.local !== "" && (
        <div className={css["row"]}>
          <NativeSelect size="xs" aria-label={`Clock of ${plain(parameter.name)}`} data={zones} value={moment.zone} onChange={(e) => change({ ...moment, zone: e.currentTarget.value })} />
        </div>
      )}
    </>
  );
}
