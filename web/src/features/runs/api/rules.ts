/**
 * The rules of a param() block, checked while somebody types: those that the server checks before a run is queued, and those that the
 * engine's binder is certain to check. What only the engine can know (ValidateScript, classes, patterns that mean something else
 * to JavaScript) is left to it: `leftToEngine` says so.
 */
import { JsonNumber, type Exact } from "@/lib/exactJson";
import type { Parameter, Validation } from "@/lib/inspection";
import { matches, plainText, type Control } from "./control";
import { compareNumbers, decimalSource, wholeSource } from "./numberText";
import { isSpan, readMoment } from "./timeText";

/** problemOf tells why a value cannot be right; undefined: nothing speaks against it. */
export function problemOf(parameter: Parameter, control: Control, value: Exact, mandatory: boolean): string | undefined {
  if (control.kind === "secret") return "Credentials come with a later release. Nothing is sent in plain text: leave this out.";
  return (mandatory ? emptyProblem(parameter, value) : undefined) ?? kindProblem(control, value) ?? first(parameter.validation, (rule) => ruleProblem(rule, value));
}

function first<T>(list: readonly T[], problem: (item: T) => string | undefined): string | undefined {
  for (const item of list) {
    const found = problem(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function emptyProblem({ allow, type }: Parameter, value: Exact): string | undefined {
  if (value === null && !allow.includes("AllowNull")) return "A mandatory parameter cannot be null.";
  const texts = Array.isArray(value) ? value : [value];
  const isText = /^(System\.)?String(\[\])?$/i.test(type.resolved ?? type.name);
  if (isText && texts.includes("") && !allow.includes("AllowEmptyString")) return "A mandatory text cannot be empty.";
  if (Array.isArray(value) && value.length === 0 && !allow.includes("AllowEmptyCollection")) return "A mandatory list needs a value.";
  return undefined;
}

/** kindProblem: the JSON value is of a kind that PowerShell does not turn into the type. */
function kindProblem(control: Control, value: Exact): string | undefined {
  if (value === null) return undefined;
  const nested = Array.isArray(value) || value instanceof Map;
  switch (control.kind) {
    case "whole":
      return nested ? "This must be a whole number." : wholeProblem(control, value);
    case "number":
      return nested || (typeof value === "string" && decimalSource(value) === undefined) ? "This must be a number." : outside(value, control.min, control.max);
    case "switch":
    case "bool":
      return nested || typeof value === "string" ? "This must be true or false." : undefined;
    case "choice":
      return nested ? notOne(control.values) : undefined;
    case "list":
      return Array.isArray(value) ? first(value, (item) => kindProblem(control.item, item)) : undefined;
    case "table":
      return value instanceof Map ? undefined : "This must be a hashtable: an object in JSON.";
    case "text":
    case "code":
      return nested ? "This must be one text." : undefined;
    case "any":
    case "json":
    case "choices":
    case "secret":
      return undefined;
    case "char":
    case "date":
    case "day":
    case "guid":
    case "span":
    case "time":
      return nested ? "This must be one value." : shapeProblem(control, value);
  }
}

function wholeProblem({ min, max }: { min: string | null; max: string | null }, value: Exact): string | undefined {
  const text = plainText(value) ?? "";
  if (typeof value === "boolean") return undefined;
  if (wholeSource(text) === undefined && !(value instanceof JsonNumber)) return "This must be a whole number.";
  return outside(value, min, max);
}

function shapeProblem(control: Control, value: Exact): string | undefined {
  if (typeof value !== "string") return undefined;
  if (control.kind === "date" && value.trim() === "") return "Date and time are needed.";
  if (control.kind === "char" && [...value].length !== 1) return "This must be one character.";
  if (control.kind === "guid" && !/^[({]?[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}[)}]?$/i.test(value)) return "This must be a GUID: 8-4-4-4-12 hexadecimal digits.";
  if (control.kind === "span" && !isSpan(value)) return "This must be a duration: 00:05:00, or with days 1.12:00:00.";
  if (control.kind === "date" && /^\d{4}-\d\d-\d\d[T ]/.test(value) && !readMoment(value) && Number.isNaN(Date.parse(value))) return "There is no such date.";
  return undefined;
}

const each = (value: Exact): Exact[] => (Array.isArray(value) ? value : [value]);

function ruleProblem(rule: Validation, value: Exact): string | undefined {
  switch (rule.kind) {
    case "set": {
      const { values, ignoreCase } = rule;
      if (values === null) return undefined;
      return first(each(value), (item) => (values.some((allowed) => matches(item, allowed, ignoreCase)) ? undefined : said(rule.message, item) ?? notOne(values)));
    }
    case "range":
      return first(each(value), (item) => rangeProblem(rule.min, rule.max, item));
    case "length":
      return first(each(value), (item) => (typeof item === "string" ? sizeProblem(item.length, rule, "characters") : undefined));
    case "count":
      return value === null ? undefined : sizeProblem(value instanceof Map ? value.size : each(value).length, rule, "values");
    case "pattern": {
      const pattern = sameInJs(rule.pattern, rule.options);
      return pattern && first(each(value), (item) => (typeof item === "string" && item.length <= 2_000 && plainAscii.test(item) && !pattern.test(item) ? said(rule.message, item) ?? `This must match ${rule.pattern}` : undefined));
    }
    case "notNull":
      return each(value).includes(null) ? "This cannot be null." : undefined;
    case "notNullOrEmpty":
    case "notNullOrWhiteSpace":
      return first(Array.isArray(value) && value.length === 0 ? [""] : each(value), (item) => (item === null || item === "" || (rule.kind === "notNullOrWhiteSpace" && typeof item === "string" && item.trim() === "") ? "This cannot be empty." : undefined));
    case "script":
    case "other":
      return undefined;
  }
}

/** said is the message that the script's author wrote; {0} stands for the value. */
function said(message: string | null, value: Exact): string | undefined {
  return message === null || message === "" ? undefined : message.replaceAll("{0}", plainText(value) ?? "").replaceAll("{1}", "");
}

function notOne(values: readonly Exact[]): string {
  return `This must be one of ${values.map((v) => plainText(v) ?? "null").slice(0, 12).join(", ")}${values.length > 12 ? "…" : ""}.`;
}

const kinds: Record<string, readonly [holds: (sign: number) => boolean, words: string]> = {
  positive: [(s) => s > 0, "more than 0"],
  nonnegative: [(s) => s >= 0, "0 or more"],
  negative: [(s) => s < 0, "less than 0"],
  nonpositive: [(s) => s <= 0, "0 or less"],
};

function rangeProblem(min: Exact, max: Exact, item: Exact): string | undefined {
  const text = plainText(item);
  const kind = typeof min === "string" ? kinds[min.toLowerCase()] : undefined;
  if (text === undefined || typeof item === "boolean") return undefined;
  if (kind) {
    const sign = compareNumbers(text, "0");
    return sign === undefined || kind[0](sign) ? undefined : `This must be ${kind[1]}.`;
  }
  return min instanceof JsonNumber && max instanceof JsonNumber ? outside(item, min.source, max.source) : undefined;
}

function outside(value: Exact, min: string | null, max: string | null): string | undefined {
  const text = typeof value === "boolean" ? undefined : plainText(value);
  if (text === undefined) return undefined;
  const low = min === null ? 0 : (compareNumbers(text, min) ?? 0);
  const high = max === null ? 0 : (compareNumbers(text, max) ?? 0);
  return low < 0 || high > 0 ? `This must be from ${min ?? "…"} to ${max ?? "…"}.` : undefined;
}

function sizeProblem(size: number, { min, max }: { min: Exact; max: Exact }, what: string): string | undefined {
  const [low, high] = [limit(min, 0), limit(max, Infinity)];
  if (size >= low && size <= high) return undefined;
  return high === Infinity ? `At least ${low} ${what}.` : `From ${low} to ${high} ${what}; this has ${size}.`;
}

const limit = (value: Exact, otherwise: number): number => (value instanceof JsonNumber ? Number(value.source) : otherwise);

/** Values for which both engines mean the same by \d, \w, \s, . and $. */
const plainAscii = /^[\x20-\x7e]*$/;

// What .NET and JavaScript read differently, or only one of them: named and inline groups, anchors of .NET, categories, escapes by
// number or letter, subtraction in classes, and a bracket that opens with a bracket. A repeated group that repeats within could take for ever.
const differs = /\(\?(?![:=!])|\\[^dDwWsSbBnrtfv\W_]|\[\^?\]|-\[|\\_|\([^()]*[*+}|][^()]*\)[*+{?]|[*+?}]\+|#\s|\(\(/;

/** sameInJs is a pattern as a regular expression, where both engines mean the same. */
export function sameInJs(pattern: string, options: string | null): RegExp | undefined {
  const flags = options === null || /^\s*IgnoreCase\s*$/i.test(options) ? "i" : /^\s*None\s*$/i.test(options) ? "" : undefined;
  if (flags === undefined || pattern.length > 500 || differs.test(pattern)) return undefined;
  try {
    return new RegExp(pattern, flags);
  } catch {
    return undefined;
  }
}

/** leftToEngine names the rules that only PowerShell itself can check, in words. */
export function leftToEngine(parameter: Parameter): string[] {
  return parameter.validation.flatMap((rule) => {
    switch (rule.kind) {
      case "script":
        return [rule.message ?? `checked by the script: ${rule.text}`];
      case "other":
        return [rule.text];
      case "pattern":
        return sameInJs(rule.pattern, rule.options) ? [] : [`pattern ${rule.pattern}`];
      case "set":
        return rule.values === null ? [`one of what ${rule.generator ?? "the script"} gives`] : [];
      case "range":
        return rule.min instanceof JsonNumber || (typeof rule.min === "string" && kinds[rule.min.toLowerCase()]) ? [] : [`from ${plainText(rule.min) ?? "?"} to ${plainText(rule.max) ?? "?"}`];
      case "length":
      case "count":
      case "notNull":
      case "notNullOrEmpty":
      case "notNullOrWhiteSpace":
        return [];
    }
  });
}

/** rulesInWords says what a value must be, for the text beside the field. */
export function rulesInWords(parameter: Parameter): string[] {
  return parameter.validation.flatMap((rule) => {
    switch (rule.kind) {
      case "range":
        if (rule.min instanceof JsonNumber && rule.max instanceof JsonNumber) return [`from ${rule.min.source} to ${rule.max.source}`];
        return typeof rule.min === "string" && kinds[rule.min.toLowerCase()] ? [kinds[rule.min.toLowerCase()]?.[1] ?? ""] : [];
      case "length":
        return [`${plainText(rule.min) ?? 0} to ${plainText(rule.max) ?? "…"} characters`];
      case "count":
        return [`${plainText(rule.min) ?? 0} to ${plainText(rule.max) ?? "…"} values`];
      case "pattern":
        return [`pattern ${rule.pattern}`];
      case "set":
      case "notNull":
      case "notNullOrEmpty":
      case "notNullOrWhiteSpace":
      case "script":
      case "other":
        return [];
    }
  });
}
