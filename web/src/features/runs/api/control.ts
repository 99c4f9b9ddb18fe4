/** Which control asks for a parameter, by the type that its param() block names. */
import { JsonNumber, type Exact } from "@/lib/exactJson";
import type { Parameter, ParameterType } from "@/lib/inspection";

/** Scalar is a control whose value is one text in one field. */
export type Scalar =
  | { kind: "text"; lines: boolean }
  | { kind: "whole"; min: string | null; max: string | null }
  | { kind: "number"; min: string | null; max: string | null }
  | { kind: "date"; zone: boolean }
  | { kind: "day" }
  | { kind: "time" }
  | { kind: "span" }
  | { kind: "guid" }
  | { kind: "char" }
  | { kind: "any" };

export type Control =
  | Scalar
  | { kind: "switch" }
  | { kind: "bool" }
  | { kind: "choice"; values: Exact[]; ignoreCase: boolean }
  | { kind: "choices"; values: Exact[]; ignoreCase: boolean }
  | { kind: "list"; item: Scalar | { kind: "bool" } }
  | { kind: "table" }
  | { kind: "code" }
  | { kind: "secret" }
  | { kind: "json" };

const wholes: Record<string, readonly [min: string | null, max: string | null]> = {
  "System.SByte": ["-128", "127"],
  "System.Byte": ["0", "255"],
  "System.Int16": ["-32768", "32767"],
  "System.UInt16": ["0", "65535"],
  "System.Int32": ["-2147483648", "2147483647"],
  "System.UInt32": ["0", "4294967295"],
  "System.Int64": ["-9223372036854775808", "9223372036854775807"],
  "System.UInt64": ["0", "18446744073709551615"],
  "System.Numerics.BigInteger": [null, null],
};

const numbers: Record<string, readonly [min: string | null, max: string | null]> = {
  "System.Single": ["-3.4028235e38", "3.4028235e38"],
  "System.Double": ["-1.7976931348623157e308", "1.7976931348623157e308"],
  "System.Decimal": ["-79228162514264337593543950335", "79228162514264337593543950335"],
};

// PowerShell's short names, for a type that the parser did not resolve.
const accelerators: Record<string, string> = {
  sbyte: "System.SByte", byte: "System.Byte", int16: "System.Int16", short: "System.Int16", uint16: "System.UInt16", ushort: "System.UInt16",
  int: "System.Int32", int32: "System.Int32", uint: "System.UInt32", uint32: "System.UInt32", long: "System.Int64", int64: "System.Int64",
  ulong: "System.UInt64", uint64: "System.UInt64", bigint: "System.Numerics.BigInteger", single: "System.Single", float: "System.Single",
  double: "System.Double", decimal: "System.Decimal", string: "System.String", char: "System.Char", bool: "System.Boolean", switch: "System.Management.Automation.SwitchParameter",
  datetime: "System.DateTime", timespan: "System.TimeSpan", guid: "System.Guid", hashtable: "System.Collections.Hashtable", object: "System.Object",
  psobject: "System.Management.Automation.PSObject", scriptblock: "System.Management.Automation.ScriptBlock", securestring: "System.Security.SecureString",
  pscredential: "System.Management.Automation.PSCredential", uri: "System.Uri", version: "System.Version", xml: "System.Xml.XmlDocument", regex: "System.Text.RegularExpressions.Regex",
};

/** Types whose values PowerShell makes of a text. */
const asText = new Set(["System.String", "System.Uri", "System.Version", "System.Text.RegularExpressions.Regex", "System.Net.IPAddress", "System.Net.Mail.MailAddress", "System.IO.FileInfo", "System.IO.DirectoryInfo", "System.Management.Automation.SemanticVersion", "System.Globalization.CultureInfo", "System.Text.Encoding", "System.Type"]);
const tables = new Set(["System.Collections.Hashtable", "System.Collections.IDictionary", "System.Collections.Specialized.OrderedDictionary"]);
const secrets = new Set(["System.Security.SecureString", "System.Management.Automation.PSCredential", "System.Net.NetworkCredential"]);
const lists = new Set(["System.Array", "System.Collections.ArrayList", "System.Collections.IList", "System.Collections.IEnumerable", "System.Collections.ICollection"]);

/** elementType is the full name of the type, and of an array's elements. */
export function elementType(type: ParameterType): string {
  const full = (type.resolved ?? type.name).replace(/^System\.Nullable`1\[+(.*?)(,[^\]]*)?\]+$/, "$1").replace(/(\[\])+$/, "");
  return accelerators[full.toLowerCase()] ?? full;
}

export function isSecret(parameter: Parameter): boolean {
  return parameter.credential || secrets.has(elementType(parameter.type));
}

/** controlOf chooses the control for a parameter. */
export function controlOf(parameter: Parameter): Control {
  const type = elementType(parameter.type);
  if (isSecret(parameter)) return { kind: "secret" };
  if (parameter.switch && !parameter.type.array) return startsTrue(parameter) ? { kind: "bool" } : { kind: "switch" };
  const allowed = allowedValues(parameter);
  if (allowed) return { kind: parameter.type.array ? "choices" : "choice", ...allowed };
  const array = parameter.type.array || /\[\]$/.test(parameter.type.name);
  if (array) return listOf(parameter, type);
  if (type === "System.Boolean") return { kind: "bool" };
  if (tables.has(type)) return { kind: "table" };
  if (type === "System.Management.Automation.ScriptBlock") return { kind: "code" };
  const generic = /^(?:System\.Collections\.Generic\.)?(?:List|IList|IEnumerable|ICollection|HashSet)(?:`1)?\[+([\w.]+)/.exec(type)?.[1];
  if (generic !== undefined) return listOf(parameter, accelerators[generic.toLowerCase()] ?? generic);
  if (lists.has(type)) return { kind: "list", item: { kind: "any" } };
  return scalarOf(parameter, type) ?? { kind: "json" };
}

function listOf(parameter: Parameter, type: string): Control {
  if (/\[[\],]*\]$/.test(parameter.type.name.replace(/\[\]$/, "")) || tables.has(type)) return { kind: "json" };
  if (type === "System.Boolean") return { kind: "list", item: { kind: "bool" } };
  const item = scalarOf(parameter, type);
  return item ? { kind: "list", item: item.kind === "text" ? { kind: "text", lines: false } : item } : { kind: "json" };
}

function scalarOf(parameter: Parameter, type: string): Scalar | undefined {
  const whole = wholes[type];
  if (whole) return { kind: "whole", min: whole[0], max: whole[1] };
  const number = numbers[type];
  if (number) return { kind: "number", min: number[0], max: number[1] };
  switch (type) {
    case "System.Object":
    case "System.Management.Automation.PSObject":
      return { kind: "any" };
    case "System.DateTime":
    case "System.DateTimeOffset":
      return { kind: "date", zone: type === "System.DateTimeOffset" };
    case "System.DateOnly":
      return { kind: "day" };
    case "System.TimeOnly":
      return { kind: "time" };
    case "System.TimeSpan":
      return { kind: "span" };
    case "System.Guid":
      return { kind: "guid" };
    case "System.Char":
      return { kind: "char" };
    case "System.Xml.XmlDocument":
      return { kind: "text", lines: true };
    default:
      return asText.has(type) ? { kind: "text", lines: manyLines(parameter) } : undefined;
  }
}

/** manyLines guesses from name, default and length whether a text has several lines. */
function manyLines(parameter: Parameter): boolean {
  const { default: d } = parameter;
  if (d.kind === "value" && typeof d.value === "string" && d.value.includes("\n")) return true;
  const length = parameter.validation.find((v) => v.kind === "length");
  if (length?.kind === "length" && length.max instanceof JsonNumber && Number(length.max.source) > 200) return true;
  return /(text|body|message|content|html|json|xml|yaml|notes?|description|comment|query|sql)$/i.test(parameter.name);
}

/** allowedValues are the values of a literal ValidateSet, else the names of an enumeration. */
function allowedValues(parameter: Parameter): { values: Exact[]; ignoreCase: boolean } | undefined {
  const set = parameter.validation.find((v) => v.kind === "set");
  if (set?.kind === "set" && set.values !== null && set.values.length > 0) return { values: set.values, ignoreCase: set.ignoreCase };
  if (parameter.type.enum.length > 0) return { values: parameter.type.enum, ignoreCase: true };
  return undefined;
}

function startsTrue({ default: d }: Parameter): boolean {
  return d.kind === "value" && (d.value === true || (d.value instanceof Map && d.value.get("IsPresent") === true));
}

/** matches: a value is one of a choice, as PowerShell compares it: by its text. */
export function matches(value: Exact, allowed: Exact, ignoreCase: boolean): boolean {
  const [a, b] = [plainText(value), plainText(allowed)];
  return a !== undefined && b !== undefined && (a === b || (ignoreCase && a.toLowerCase() === b.toLowerCase()));
}

export function plainText(value: Exact): string | undefined {
  if (value instanceof JsonNumber) return value.source;
  if (typeof value === "boolean") return value ? "True" : "False";
  return typeof value === "string" ? value : undefined;
}
