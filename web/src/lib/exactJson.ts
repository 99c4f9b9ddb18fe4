/**
 * JSON without loss. The browser's own reader makes doubles of all numbers and sorts keys that look like numbers; parameters of
 * scripts are longs, decimals and hashtables. Here a number keeps its digits, an object its order, and a key given twice is told.
 */
export class JsonNumber {
  /** source is a number as JSON writes it. */
  constructor(readonly source: string) {}
}

export type ExactObject = Map<string, Exact>;
export type Exact = null | boolean | string | JsonNumber | Exact[] | ExactObject;

const deepest = 200;

export function parseExact(text: string): Exact {
  return new Reader(text).whole();
}

export function stringifyExact(value: Exact, indent = 0): string {
  return write(value, indent, "");
}

function write(value: Exact, indent: number, before: string): string {
  if (value instanceof JsonNumber) return value.source;
  if (Array.isArray(value)) return list("[", "]", value.map((v) => write(v, indent, before + " ".repeat(indent))), indent, before);
  if (!(value instanceof Map)) return JSON.stringify(value);
  const colon = indent > 0 ? ": " : ":";
  const members = [...value].map(([name, v]) => `${JSON.stringify(name)}${colon}${write(v, indent, before + " ".repeat(indent))}`);
  return list("{", "}", members, indent, before);
}

function list(open: string, close: string, parts: string[], indent: number, before: string): string {
  if (parts.length === 0) return open + close;
  if (indent === 0) return open + parts.join(",") + close;
  const inner = `\n${before}${" ".repeat(indent)}`;
  return `${open}${inner}${parts.join(`,${inner}`)}\n${before}${close}`;
}

/** sameExact: equal values; the order of an object's keys is no difference. */
export function sameExact(a: Exact | undefined, b: Exact | undefined): boolean {
  if (a instanceof JsonNumber) return b instanceof JsonNumber && a.source === b.source;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((v, i) => sameExact(v, b[i]));
  if (a instanceof Map) return b instanceof Map && a.size === b.size && [...a].every(([name, v]) => b.has(name) && sameExact(v, b.get(name)));
  return a === b;
}

/** exact turns what the browser has read already into the form without loss. */
export function exact(value: unknown): Exact {
  if (value === null || typeof value === "boolean" || typeof value === "string" || value instanceof JsonNumber) return value;
  if (typeof value === "number") return Number.isFinite(value) ? new JsonNumber(JSON.stringify(value)) : null;
  if (Array.isArray(value)) return value.map(exact);
  if (value instanceof Map) return value as ExactObject;
  if (typeof value === "object") return new Map(Object.entries(value).map(([name, v]) => [name, exact(v)]));
  return null;
}

const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const space = /[ \t\r\n]*/y;
const word = /true|false|null/y;

class Reader {
  private at = 0;
  constructor(private readonly text: string) {}

  whole(): Exact {
    const value = this.value(0);
    this.skip();
    if (this.at < this.text.length) this.fail("nothing may follow the value");
    return value;
  }

  private value(depth: number): Exact {
    if (depth > deepest) this.fail(`nested deeper than ${deepest}`);
    this.skip();
    const first = this.text[this.at];
    if (first === undefined) this.fail("the text ends too early");
    if (first === "{") return this.object(depth);
    if (first === "[") return this.array(depth);
    if (first === '"') return this.string();
    const digits = this.take(number);
    if (digits !== undefined) return new JsonNumber(digits);
    switch (this.take(word)) {
      case "true":
        return true;
      case "false":
        return false;
      case "null":
        return null;
      case undefined:
      default:
        return this.fail("a value is expected: text stands between double quotes");
    }
  }

  private object(depth: number): ExactObject {
    const members: ExactObject = new Map();
    this.at++;
    if (this.next("}")) return members;
    do {
      this.skip();
      if (this.text[this.at] !== '"') this.fail("a name between double quotes is expected");
      const name = this.string();
      if (members.has(name)) this.fail(`${JSON.stringify(name)} is given twice`);
      if (!this.next(":")) this.fail("a colon is expected");
      members.set(name, this.value(depth + 1));
    } while (this.next(","));
    if (!this.next("}")) this.fail("a comma or } is expected");
    return members;
  }

  private array(depth: number): Exact[] {
    const items: Exact[] = [];
    this.at++;
    if (this.next("]")) return items;
    do items.push(this.value(depth + 1));
    while (this.next(","));
    if (!this.next("]")) this.fail("a comma or ] is expected");
    return items;
  }

  private string(): string {
    const token = this.take(string);
    return token === undefined ? this.fail("this text does not end, or holds a sign that needs an escape") : (JSON.parse(token) as string);
  }

  private next(sign: string): boolean {
    this.skip();
    if (this.text[this.at] !== sign) return false;
    this.at++;
    return true;
  }

  private skip(): void {
    this.take(space);
  }

  private take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  private fail(what: string): never {
    const before = this.text.slice(0, this.at).split("\n");
    throw new SyntaxError(`line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}: ${what}`);
  }
}
