/**
 * The state of the parameter form. Values are kept by name as JSON without loss, in the order in which they came; the controls and
 * the raw JSON are two views of them. What a control cannot show, and names that the script does not know, stay as they are.
 */
import { parseExact, stringifyExact, type Exact, type ExactObject } from "@/lib/exactJson";
import type { Inspection, Parameter } from "@/lib/inspection";
import { commonParameters, isUnaskedName } from "./commonParameters";
import { controlOf, type Control } from "./control";
import type { Held } from "./draft";
import { membership, setNames, setOf } from "./parameterSets";
import { problemOf } from "./rules";

export interface FormState {
  values: ReadonlyMap<string, Held>;
  /** Values of parameters that do not belong to the chosen set, for the way back. */
  aside: ReadonlyMap<string, Held>;
  set: string | undefined;
  mode: "form" | "json" | undefined; // undefined: the form where it can be
  /** The JSON as it was typed, while it is the view. */
  text: string | undefined;
  textProblem: string | undefined;
}

/** Field is one parameter to ask for. */
export interface Field {
  /** The name under which its value is sent. */
  key: string;
  parameter: Parameter;
  control: Control;
  held: Held | undefined;
  mandatory: boolean;
  /** Typed wrongly: told at once. */
  problem: string | undefined;
  /** Not given although it is needed: told when the form is sent. */
  missing: boolean;
  common: boolean;
}

/** Extra is a value whose name the script does not know. */
export interface Extra {
  key: string;
  held: Held;
  problem: string | undefined;
}

export interface Fields {
  fields: Field[];
  extras: Extra[];
  sets: string[];
  set: string | undefined;
}

export function formOf(values: ExactObject): FormState {
  return { values: holdAll(values), aside: new Map(), set: undefined, mode: undefined, text: undefined, textProblem: undefined };
}

const holdAll = (values: ExactObject): Map<string, Held> => new Map([...values].map(([name, json]) => [name, { json }]));

/** valuesOf is what would be sent: everything that is a value. */
export function valuesOf(state: FormState): ExactObject {
  const values: ExactObject = new Map();
  for (const [name, held] of state.values) if (held.json !== undefined) values.set(name, held.json);
  return values;
}

export function jsonText(state: FormState): string {
  return state.text ?? stringifyExact(valuesOf(state), 2);
}

/** withValue changes one value; undefined leaves the parameter out. */
export function withValue(state: FormState, key: string, held: Held | undefined): FormState {
  const values = new Map(state.values);
  if (held === undefined) values.delete(key);
  else values.set(key, held);
  return { ...state, values, text: undefined, textProblem: undefined };
}

/** withText takes what is typed as raw JSON; while it cannot be read, the values before it stay. */
export function withText(state: FormState, text: string): FormState {
  const { values, problem } = readObject(text);
  const unfinished = [...state.values].filter(([name, held]) => held.json === undefined && !values?.has(name));
  return { ...state, mode: "json", text, textProblem: problem, values: values ? new Map([...holdAll(values), ...unfinished]) : state.values };
}

export function withMode(state: FormState, mode: "form" | "json"): FormState {
  return state.textProblem !== undefined ? state : { ...state, mode, text: undefined };
}

/** withObject replaces everything, as after "use these values". */
export function withObject(state: FormState, values: ExactObject): FormState {
  return { ...formOf(values), mode: state.mode };
}

/** withSet chooses a parameter set: what does not belong to it is kept aside and not sent. */
export function withSet(state: FormState, inspection: Inspection, set: string): FormState {
  const values = new Map<string, Held>();
  const aside = new Map<string, Held>();
  for (const [name, held] of [...state.aside, ...state.values]) {
    const parameter = findParameter(inspection.parameters, name);
    (parameter && !membership(parameter, set) ? aside : values).set(name, held);
  }
  return { ...state, set, values, aside, text: undefined };
}

/** storedParameters reads the parameters of a run from the text of their column, which keeps all digits. */
export function storedParameters(text: string): ExactObject {
  return readObject(text).values ?? new Map<string, never>();
}

/** readObject reads the raw way to give parameters: a JSON object, name to value. */
export function readObject(text: string): { values?: ExactObject; problem?: string } {
  if (text.trim() === "") return { values: new Map() };
  let value: Exact;
  try {
    value = parseExact(text);
  } catch (error) {
    return { problem: `This is no JSON: ${error instanceof Error ? error.message : "it cannot be read"}` };
  }
  return value instanceof Map ? { values: value } : { problem: 'Parameters are an object: {"Name": value}' };
}

/** findParameter finds a parameter by its name or one of its aliases; case makes no difference. */
export function findParameter(parameters: readonly Parameter[], name: string): Parameter | undefined {
  const folded = name.toLowerCase();
  return parameters.find((p) => p.name.toLowerCase() === folded) ?? parameters.find((p) => p.aliases.some((alias) => alias.toLowerCase() === folded));
}

/** fieldsOf lays the values over the parameters of a script. */
export function fieldsOf(state: FormState, inspection: Inspection): Fields {
  const common = commonParameters(inspection);
  const all = [...inspection.parameters, ...common];
  const keys = new Map<Parameter, string>();
  const extras: Extra[] = [];
  for (const [key, held] of state.values) {
    const parameter = findParameter(all, key);
    const other = parameter && keys.get(parameter);
    if (parameter && other === undefined) keys.set(parameter, key);
    else extras.push({ key, held, problem: held.problem ?? (other !== undefined ? `This is the same parameter as ${other}.` : unknownProblem(inspection, key)) });
  }
  const set = setOf(inspection, [...keys.keys()].filter((p) => !common.includes(p)), state.set);
  const fields = all.filter((p) => keys.has(p) || (!p.hidden && membership(p, set) !== undefined)).map((p) => fieldOf(p, keys.get(p) ?? p.name, state, set, common.includes(p)));
  return { fields, extras, sets: setNames(inspection), set };
}

function fieldOf(parameter: Parameter, key: string, state: FormState, set: string | undefined, common: boolean): Field {
  const control = controlOf(parameter);
  const held = state.values.get(key);
  const member = membership(parameter, set);
  const mandatory = member?.mandatory ?? false;
  const foreign = member === undefined ? `This does not belong to the parameter set ${set ?? ""}: leave it out, or choose its set.` : undefined;
  const problem = held && (held.problem ?? foreign ?? (held.json === undefined ? undefined : problemOf(parameter, control, held.json, mandatory)));
  return { key, parameter, control, held, mandatory, problem, missing: mandatory && held === undefined, common };
}

function unknownProblem(inspection: Inspection, name: string): string | undefined {
  if (takesUnknown(inspection) || isUnaskedName(inspection, name)) return undefined;
  return "The script has no parameter of this name.";
}

/** takesUnknown: the script may know more names than its param() block. */
export function takesUnknown(inspection: Inspection): boolean {
  return inspection.dynamic || inspection.parameters.some((p) => p.sets.some((s) => s.remaining));
}

/** firstProblem is the key of the first field that keeps the form from being sent. */
export function firstProblem({ fields, extras }: Fields): string | undefined {
  return fields.find((f) => f.problem !== undefined || f.missing)?.key ?? extras.find((e) => e.problem !== undefined)?.key;
}
