import { JsonNumber, stringifyExact, type Exact, type ExactObject } from "@/lib/exactJson";

/** Commands of the command line tool that do the same as a form. */
const harmless = /^[A-Za-z0-9_@%+=:,./-]+$/;

/** quote makes one word of a POSIX shell. */
export function quote(word: string): string {
  return harmless.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** command joins words; what is undefined or empty is left out. */
export function command(...words: (string | undefined | false)[]): string {
  return words.filter((word): word is string => typeof word === "string" && word !== "").map(quote).join(" ");
}

/**
 * parameterWords gives parameters the way `epo run start` reads them: a name alone is true, a text stands as it is unless it could be
 * taken for JSON, and := says that JSON follows.
 */
export function parameterWords(parameters: ExactObject): string[] {
  return [...parameters].flatMap(([name, value]) => ["--param", parameterWord(name, value)]);
}

const wholeNumber = /^-?(0|[1-9]\d*)$/;

function parameterWord(name: string, value: Exact): string {
  if (value === true && !name.includes("=")) return name;
  if (typeof value === "string") return `${name}=${readsAsJson(value) ? JSON.stringify(value) : value}`;
  const json = stringifyExact(value);
  return value instanceof JsonNumber && !wholeNumber.test(json) ? `${name}:=${json}` : `${name}=${json}`;
}

function readsAsJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return /^\s*["[{]/.test(text);
  }
}
