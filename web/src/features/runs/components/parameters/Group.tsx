import { useId, type ReactNode } from "react";
import { SafeText } from "@/components/ui/SafeText";
import type { Field } from "../../api/parameterForm";
import { Description } from "./Description";
import css from "./parameters.module.css";

interface Props {
  field: Field;
  error: string | undefined;
  more?: ReactNode;
  children: ReactNode;
}

/** Group is the frame of a parameter that needs more than one control. */
export function Group({ field, error, more, children }: Props) {
  const id = useId();
  return (
    <fieldset className={css["group"]} aria-describedby={`${id}-text${error === undefined ? "" : ` ${id}-error`}`} aria-invalid={error !== undefined || undefined}>
      <legend className={css["legend"]}>
        <SafeText>{field.parameter.name}</SafeText>
        {field.mandatory && (
          <span className={css["star"]} aria-hidden>
            {" "}
            *
          </span>
        )}
        {field.mandatory && <span className="epo-hidden"> (needed)</span>}
      </legend>
      <div id={`${id}-text`} className={css["description"]}>
        <Description parameter={field.parameter} more={more} />
      </div>
      {children}
      {error !== undefined && (
        <div id={`${id}-error`} className={css["error"]}>
          <SafeText>{error}</SafeText>
        </div>
      )}
    </fieldset>
  );
}
