/** What every control of a parameter gets. */
import type { Control } from "../../api/control";
import type { Draft, Held } from "../../api/draft";
import { draftOf } from "../../api/draft";
import type { Field } from "../../api/parameterForm";

export interface ControlProps<C = Control> {
  field: Field;
  control: C;
  /** What is wrong, as it is shown now. */
  error: string | undefined;
  onChange: (held: Held | undefined) => void;
}

/** shownDraft is what stands in the control: as it was typed, else the value as this control shows it. */
export function shownDraft(control: Control, held: Held | undefined): Draft | undefined {
  if (held === undefined) return undefined;
  return held.draft ?? (held.json === undefined ? undefined : draftOf(control, held.json));
}

/** shownControl is the control of the type, or raw JSON where that one cannot show the value. */
export function shownControl(control: Control, held: Held | undefined): Control {
  if (held === undefined || control.kind === "secret") return control;
  const draft = shownDraft(control, held);
  return draft === undefined || "raw" in draft ? { kind: "json" } : control;
}

export function pieceText(control: Control, held: Held | undefined): string {
  const draft = shownDraft(control, held);
  return draft && "piece" in draft ? draft.piece.text : "";
}
