/**
 * What stands in a control while somebody types, and what it is worth. A draft is the control's own text; a Held has the JSON
 * value that will be sent, or the problem that keeps it from being one. A value that was not touched is sent as it came.
 */
import { JsonNumber, parseExact, stringifyExact, type Exact } from "@/lib/exactJson";
import { matches, plainText, type Control, type Scalar } from "./control";
import { decimalSource, wholeSource } from "./numberText";
import { dayText, readMoment, readSpan, timeText } from "./timeText";

/** How a value without a type is read. */
export type As = "text" | "number" | "bool" | "json";

export interface Piece {
  text: string;
  as: As;
}

export interface Row extends Piece {
  key: string;
}

export type Draft = { piece: Piece } | { items: readonly Piece[] } | { rows: readonly Row[] } | { raw: string };

export interface Held {
  json?: Exact;
  draft?: Draft;
  problem?: string;
}

type Outcome = { json: Exact } | { problem: string };

export const textPiece = (text: string): Piece => ({ text, as: "text" });

/** readPiece says what a text in a scalar control is worth. */
export function readPiece(control: Scalar | { kind: "bool" }, piece: Piece): Outcome {
  const { text } = piece;
  switch (control.kind) {
    case "whole":
      return numberOr(wholeSource(text), "This must be a whole number.");
    case "number":
      return numberOr(decimalSource(text), "This must be a number, with a point for fractions.");
    case "date":
      return readMoment(text) ? { json: text } : { problem: "Date and time are needed." };
    case "day":
      return dayText.test(text) ? { json: text } : { problem: "This must be a date." };
    case "time":
      return timeText.test(text) ? { json: text } : { problem: "This must be a time of day." };
    case "span":
      return readSpan(text) === undefined ? { problem: "This must be a duration: 00:05:00, 1.12:00:00, or 90 s, 5 min, 2 h, 1 d." } : { json: readSpan(text) ?? "" };
    case "bool":
      return text === "true" || text === "false" ? { json: text === "true" } : { problem: "True or false?" };
    case "any":
      return readAny(piece);
    case "text":
    case "guid":
    case "char":
      return { json: text };
  }
}

function numberOr(source: string | undefined, problem: string): Outcome {
  return source === undefined ? { problem } : { json: new JsonNumber(source) };
}

export function readAny({ as, text }: Piece): Outcome {
  switch (as) {
    case "text":
      return { json: text };
    case "number":
      return numberOr(decimalSource(text), "This must be a number, with a point for fractions.");
    case "bool":
      return text === "true" || text === "false" ? { json: text === "true" } : { problem: "True or false?" };
    case "json":
      return readRaw(text);
  }
}

export function readRaw(text: string): Outcome {
  try {
    return { json: parseExact(text) };
  } catch (error) {
    return { problem: `This is no JSON: ${error instanceof Error ? error.message : "it cannot be read"}` };
  }
}

/** anyPiece is a value of any type as a piece; it always fits. */
export function anyPiece(json: Exact): Piece {
  if (typeof json === "string") return { as: "text", text: json };
  if (typeof json === "boolean") return { as: "bool", text: String(json) };
  if (json instanceof JsonNumber) return { as: "number", text: json.source };
  return { as: "json", text: stringifyExact(json) };
}

/** pieceOf is a value as the text of a scalar control; undefined where it does not fit. */
function pieceOf(control: Scalar | { kind: "bool" }, json: Exact): Piece | undefined {
  if (control.kind === "any") return anyPiece(json);
  if (control.kind === "bool") return typeof json === "boolean" ? { as: "bool", text: String(json) } : undefined;
  const text = control.kind === "whole" || control.kind === "number" ? plainText(json) : typeof json === "string" ? json : undefined;
  if (text === undefined || typeof json === "boolean") return undefined;
  return control.kind === "text" || "json" in readPiece(control, textPiece(text)) || control.kind === "guid" || control.kind === "char" ? textPiece(text) : undefined;
}

/** draftOf is a value as the draft of a control; undefined where the control cannot show it. */
export function draftOf(control: Control, json: Exact): Draft | undefined {
  switch (control.kind) {
    case "secret":
    case "switch":
    case "bool":
      return typeof json === "boolean" ? { piece: { as: "bool", text: String(json) } } : undefined;
    case "choice":
      return control.values.some((v) => matches(json, v, control.ignoreCase)) ? { piece: textPiece(plainText(json) ?? "") } : undefined;
    case "choices":
      return Array.isArray(json) && json.every((item, i) => control.values.some((v) => matches(item, v, control.ignoreCase)) && !json.slice(0, i).some((other) => matches(item, other, control.ignoreCase)))
        ? { items: json.map((item) => textPiece(plainText(item) ?? "")) }
        : undefined;
    case "list": {
      const items = Array.isArray(json) ? json.map((item) => pieceOf(control.item, item)) : [undefined];
      return items.every((item) => item !== undefined) ? { items } : undefined;
    }
    case "table":
      return json instanceof Map ? { rows: [...json].map(([key, value]) => ({ key, ...anyPiece(value) })) } : undefined;
    case "code":
      return typeof json === "string" ? { piece: textPiece(json) } : undefined;
    case "json":
      return { raw: stringifyExact(json, 2) };
    case "any":
    case "char":
    case "date":
    case "day":
    case "guid":
    case "number":
    case "span":
    case "text":
    case "time":
    case "whole": {
      const piece = pieceOf(control, json);
      return piece && { piece };
    }
  }
}

/** holdPiece is what a scalar control holds after a change; nothing is held where nothing stands. */
export function holdPiece(control: Scalar, piece: Piece): Held | undefined {
  if (piece.text === "") return undefined;
  return { draft: { piece }, ...readPiece(control, piece) };
}

export function holdItems(control: Scalar | { kind: "bool" }, items: readonly Piece[]): Held | undefined {
  const json: Exact[] = [];
  for (const [i, item] of items.entries()) {
    const outcome = readPiece(control, item);
    if ("problem" in outcome) return { draft: { items }, problem: `Value ${i + 1}: ${outcome.problem}` };
    json.push(outcome.json);
  }
  return { draft: { items }, json };
}

/** holdRows is a hashtable; its keys differ by more than case. */
export function holdRows(rows: readonly Row[]): Held | undefined {
  const json = new Map<string, Exact>();
  const seen = new Set<string>();
  for (const [i, row] of rows.entries()) {
    const outcome = readAny(row);
    const folded = row.key.toLowerCase();
    if (row.key === "") return { draft: { rows }, problem: `Row ${i + 1} has no key.` };
    if (seen.has(folded)) return { draft: { rows }, problem: `The key “${row.key}” is there twice; case makes no difference.` };
    if ("problem" in outcome) return { draft: { rows }, problem: `Row ${i + 1}: ${outcome.problem}` };
    seen.add(folded);
    json.set(row.key, outcome.json);
  }
  return { draft: { rows }, json };
}

export function holdRaw(text: string): Held | undefined {
  if (text.trim() === "") return undefined;
  return { draft: { raw: text }, ...readRaw(text) };
}
