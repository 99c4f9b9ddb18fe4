import type { JsonObject } from "@/lib/schema";

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

/** parameterWords gives parameters the way `epo run start` reads them: JSON, and a text as it is unless it could be taken for JSON. */
export function parameterWords(parameters: JsonObject): string[] {
  return Object.entries(parameters).flatMap(([name, value]) => ["--param", `${name}=${typeof value === "string" && !readsAsJson(value) ? value : JSON.stringify(value)}`]);
}

function readsAsJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return /^\s*["[{]/.test(text);
  }
}
