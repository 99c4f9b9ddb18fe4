/**
 * What PowerShell's own parser says about a script version: rows of the view `script_inspections`. The content comes from foreign
 * scripts, so it is read defensively: what does not fit is left out, never trusted. Numbers keep their digits (lib/exactJson.ts).
 */
import { JsonNumber, parseExact, type Exact, type ExactObject } from "./exactJson";

export type InspectionState = "pending" | "claimed" | "done" | "failed" | "expired";

export interface SyntaxFault {
  id: string;
  message: string;
  line: number;
  column: number;
  endLine: number;
  endColumn: number;
  /** It depends on the machine (a module that is missing here), and keeps no run away. */
  environment: boolean;
}

export interface ParameterType {
  name: string;
  resolved: string | null;
  array: boolean;
  nullable: boolean;
  enum: string[];
}

export type DefaultValue = { kind: "none" } | { kind: "value"; value: Exact; text: string | null } | { kind: "expression"; text: string };

export interface SetMembership {
  name: string;
  mandatory: boolean;
  position: number | null;
  remaining: boolean;
  helpMessage: string | null;
}

export type Validation =
  | { kind: "set"; values: Exact[] | null; ignoreCase: boolean; generator: string | null; message: string | null }
  | { kind: "range" | "length" | "count"; min: Exact; max: Exact }
  | { kind: "pattern"; pattern: string; options: string | null; message: string | null }
  | { kind: "script"; text: string; message: string | null }
  | { kind: "notNull" | "notNullOrEmpty" | "notNullOrWhiteSpace" }
  | { kind: "other"; text: string };

export interface Parameter {
  name: string;
  type: ParameterType;
  mandatory: boolean;
  position: number | null;
  aliases: string[];
  switch: boolean;
  hidden: boolean;
  help: string | null;
  default: DefaultValue;
  sets: SetMembership[];
  validation: Validation[];
  allow: string[];
  completions: string[];
  obsolete: string | null;
  credential: boolean;
  line: number | null;
}

export interface ScriptHelp {
  synopsis: string | null;
  description: string | null;
  notes: string | null;
  examples: string[];
  links: string[];
}

export interface Requirements {
  version: string | null;
  editions: string[];
  elevated: boolean;
  modules: string[];
}

export interface Inspection {
  versionId: string;
  state: InspectionState;
  engine: string | null;
  ok: boolean | null;
  /** Why there is no result although the work ended: 'configuration', 'timeout'… */
  reason: string | null;
  requestedAt: string;
  finishedAt: string | null;
  errors: SyntaxFault[];
  parameters: Parameter[];
  help: ScriptHelp | null;
  requires: Requirements | null;
  /** Name of the default set; null where the script names none. */
  defaultSet: string | null;
  /** The script has [CmdletBinding()] or [Parameter()], so that it knows the common parameters. */
  advanced: boolean;
  shouldProcess: boolean;
  dynamic: boolean;
  commands: { name: string; count: number; line: number }[];
  functions: string[];
  outputTypes: string[];
}

/** InspectionRow is a row as it comes; JSON columns come as text, so that no digit is lost. */
export interface InspectionRow {
  script_version_id: string;
  state: InspectionState;
  engine_version: string | null;
  engine_edition: string | null;
  ok: boolean | null;
  not_inspected_reason: string | null;
  requested_at: string;
  finished_at: string | null;
  errors: string | null;
  parameters: string | null;
  help: string | null;
  requires: string | null;
  document: string | null;
}

export const allSets = "__AllParameterSets";

const none: ExactObject = new Map();
const record = (value: Exact | undefined): ExactObject => (value instanceof Map ? value : none);
const items = (value: Exact | undefined): Exact[] => (Array.isArray(value) ? value : []);
const text = (value: Exact | undefined): string | null => (typeof value === "string" ? value : value instanceof JsonNumber ? value.source : null);
const yes = (value: Exact | undefined): boolean => value === true;
const whole = (value: Exact | undefined): number | null => (value instanceof JsonNumber && Number.isSafeInteger(Number(value.source)) ? Number(value.source) : null);
const texts = (value: Exact | undefined): string[] => (typeof value === "string" ? [value] : items(value)).map(text).filter((t) => t !== null);

/** readColumn reads JSON that came as text; a broken one is as good as none. */
function readColumn(column: string | null | undefined): Exact {
  if (typeof column !== "string") return null;
  try {
    return parseExact(column);
  } catch {
    return null;
  }
}

export function readInspection(row: InspectionRow): Inspection {
  const document = record(readColumn(row.document));
  const binding = document.get("cmdlet_binding");
  const named = record(binding);
  const parameters = items(readColumn(row.parameters)).map(readParameter).filter((p) => p.name !== "");
  return {
    versionId: row.script_version_id,
    state: row.state,
    engine: row.engine_version === null ? null : [row.engine_version, row.engine_edition].filter(Boolean).join(" "),
    ok: row.ok,
    reason: row.not_inspected_reason,
    requestedAt: row.requested_at,
    finishedAt: row.finished_at,
    errors: readFaults(row.errors),
    parameters,
    help: readHelp(readColumn(row.help)),
    requires: readRequirements(readColumn(row.requires)),
    defaultSet: text(named.get("DefaultParameterSetName")),
    advanced: binding instanceof Map || parameters.some((p) => p.sets.some(told)),
    shouldProcess: named.get("SupportsShouldProcess") === true,
    dynamic: truthy(document.get("dynamic_param")),
    commands: items(document.get("commands")).map((c) => ({ name: text(record(c).get("name")) ?? "", count: whole(record(c).get("count")) ?? 1, line: whole(record(c).get("line")) ?? 1 })),
    functions: texts(document.get("functions")),
    outputTypes: texts(document.get("output_types")),
  };
}

/** told: a membership that only a [Parameter()] attribute can have. */
const told = (set: SetMembership): boolean => set.name !== allSets || set.mandatory || set.position !== null || set.remaining || set.helpMessage !== null;

const truthy = (value: Exact | undefined): boolean => value !== undefined && value !== null && value !== false && !(Array.isArray(value) && value.length === 0);

/** readFaults reads the column of errors alone, for lists. */
export function readFaults(column: string | null): SyntaxFault[] {
  return items(readColumn(column)).map((item) => {
    const e = record(item);
    const line = whole(e.get("line")) ?? 1;
    const column = whole(e.get("column")) ?? 1;
    return {
      id: text(e.get("id")) ?? "",
      message: text(e.get("message")) ?? "",
      line,
      column,
      endLine: whole(e.get("end_line")) ?? line,
      endColumn: whole(e.get("end_column")) ?? column + 1,
      environment: yes(e.get("environment")),
    };
  });
}

function readParameter(item: Exact): Parameter {
  const p = record(item);
  const type = record(p.get("type"));
  const sets = items(p.get("sets")).map(readSet);
  return {
    name: text(p.get("name")) ?? "",
    type: { name: text(type.get("name")) ?? "object", resolved: text(type.get("resolved")), array: yes(type.get("array")), nullable: yes(type.get("nullable")), enum: texts(type.get("enum")) },
    mandatory: yes(p.get("mandatory")),
    position: whole(p.get("position")),
    aliases: texts(p.get("aliases")),
    switch: yes(p.get("switch")),
    hidden: yes(p.get("hidden")),
    help: text(p.get("help")),
    default: readDefault(p.get("default")),
    sets: sets.length > 0 ? sets : [{ name: allSets, mandatory: yes(p.get("mandatory")), position: null, remaining: false, helpMessage: null }],
    validation: items(p.get("validation")).map(readValidation),
    allow: texts(p.get("allow")),
    completions: texts(p.get("completions")),
    obsolete: text(p.get("obsolete")),
    credential: yes(p.get("credential")),
    line: whole(p.get("line")),
  };
}

function readSet(item: Exact): SetMembership {
  const s = record(item);
  return { name: text(s.get("name")) ?? allSets, mandatory: yes(s.get("mandatory")), position: whole(s.get("position")), remaining: yes(s.get("remaining")), helpMessage: text(s.get("help_message")) };
}

function readDefault(item: Exact | undefined): DefaultValue {
  const d = record(item);
  if (d.get("kind") === "value") return { kind: "value", value: d.get("value") ?? null, text: text(d.get("text")) };
  if (d.get("kind") === "expression") return { kind: "expression", text: text(d.get("text")) ?? "" };
  return { kind: "none" };
}

function readValidation(item: Exact): Validation {
  const v = record(item);
  const kind = text(v.get("kind")) ?? "";
  const message = text(v.get("message"));
  switch (kind) {
    case "set":
      return { kind, values: Array.isArray(v.get("values")) ? items(v.get("values")) : null, ignoreCase: v.get("ignore_case") !== false, generator: text(v.get("generator")), message };
    case "range":
    case "length":
    case "count":
      return { kind, min: v.get("min") ?? null, max: v.get("max") ?? null };
    case "pattern":
      return { kind, pattern: text(v.get("pattern")) ?? "", options: text(v.get("options")), message };
    case "script":
      return { kind, text: text(v.get("text")) ?? "", message };
    case "notNull":
    case "notNullOrEmpty":
    case "notNullOrWhiteSpace":
      return { kind };
    default:
      return { kind: "other", text: text(v.get("text")) ?? kind };
  }
}

function readHelp(value: Exact): ScriptHelp | null {
  if (!(value instanceof Map)) return null;
  return { synopsis: text(value.get("synopsis")), description: text(value.get("description")), notes: text(value.get("notes")), examples: texts(value.get("examples")), links: texts(value.get("links")) };
}

function readRequirements(value: Exact): Requirements | null {
  if (!(value instanceof Map)) return null;
  const modules = items(value.get("modules")).map((m) => (typeof m === "string" ? m : [text(record(m).get("name")), text(record(m).get("minimum_version") ?? record(m).get("required_version"))].filter(Boolean).join(" ")));
  return { version: text(value.get("version")), editions: texts(value.get("editions")), elevated: yes(value.get("elevated")), modules };
}

/** blocking are the errors for which the server takes no run. */
export function blocking(inspection: Inspection | null | undefined): SyntaxFault[] {
  return inspection?.state === "done" ? inspection.errors.filter((e) => !e.environment) : [];
}

/** inspected: the parser has read it, and its parameters are known. */
export function inspected(inspection: Inspection | null | undefined): inspection is Inspection {
  return inspection?.state === "done" && inspection.ok !== null;
}

export function waiting(inspection: Inspection | null | undefined): boolean {
  return inspection?.state === "pending" || inspection?.state === "claimed";
}
