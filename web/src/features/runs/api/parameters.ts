import type { JsonObject } from "@/lib/schema";

export interface Parsed {
  parameters?: JsonObject;
  problem?: string;
}

/** parseParameters reads the raw way to give parameters: a JSON object, name to value. */
export function parseParameters(text: string): Parsed {
  if (text.trim() === "") return { parameters: {} };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { problem: `This is no JSON: ${error instanceof Error ? error.message : "it cannot be read"}` };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return { problem: 'Parameters are an object: {"Name": value}' };
  return { parameters: value as JsonObject };
}
