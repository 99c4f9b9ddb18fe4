import { Button } from "@mantine/core";
import { plain } from "@/lib/text";
import type { Held } from "../../api/draft";
import type { Field } from "../../api/parameterForm";
import { BoolControl, ChoiceControl, ChoicesControl, SwitchControl } from "./ChoiceControl";
import { DateControl } from "./DateControl";
import { shownControl, type ControlProps } from "./field";
import { ListControl } from "./ListControl";
import { AnyControl, CodeControl, JsonControl, SecretNote } from "./OtherControls";
import css from "./parameters.module.css";
import { TableControl } from "./TableControl";
import { TextControl } from "./TextControl";

interface Props {
  field: Field;
  /** The form was sent once: what is missing is told too. */
  tried: boolean;
  /** What the server said about this parameter. */
  rejected?: string | undefined;
  onChange: (held: Held | undefined) => void;
}

/** FieldRow is one parameter: its control, and the way to leave it out again. */
export function FieldRow({ field, tried, rejected, onChange }: Props) {
  const error = rejected ?? field.problem ?? (field.missing && tried ? "This is needed." : undefined);
  const name = plain(field.parameter.name);
  return (
    <div className={css["field"]} data-parameter={field.key}>
      <FieldControl field={field} control={shownControl(field.control, field.held)} error={error} onChange={onChange} />
      {field.held && field.control.kind !== "switch" && (
        <Button className={css["leaveOut"]} size="compact-sm" variant="subtle" aria-label={`Leave out ${name}`} onClick={() => onChange(undefined)}>
          Leave out
        </Button>
      )}
    </div>
  );
}

function FieldControl({ control, ...rest }: ControlProps) {
  switch (control.kind) {
    case "switch":
      return <SwitchControl control={control} {...rest} />;
    case "bool":
      return <BoolControl control={control} {...rest} />;
    case "choice":
      return <ChoiceControl control={control} {...rest} />;
    case "choices":
      return <ChoicesControl control={control} {...rest} />;
    case "list":
      return <ListControl control={control} {...rest} />;
    case "table":
      return <TableControl control={control} {...rest} />;
    case "code":
      return <CodeControl control={control} {...rest} />;
    case "secret":
      return <SecretNote control={control} {...rest} />;
    case "json":
      return <JsonControl control={control} {...rest} />;
    case "any":
      return <AnyControl control={control} {...rest} />;
    case "date":
      return <DateControl control={control} {...rest} />;
    case "text":
    case "whole":
    case "number":
    case "day":
    case "time":
    case "span":
    case "guid":
    case "char":
      return <TextControl control={control} {...rest} />;
  }
}
