/** Readers of the part of an address behind the question mark. Nothing in an address is trusted: what does not fit is left out. */
export type Search = Record<string, unknown>;

export function text(value: unknown): string | undefined {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return typeof value === "string" && value !== "" ? value.slice(0, 500) : undefined;
}

export function whole(value: unknown): number | undefined {
  const number = typeof value === "string" ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) && number > 0 ? number : undefined;
}

export function oneOf<T extends string>(value: unknown, allowed: readonly T[]): T | undefined {
  return allowed.find((name) => name === value);
}

/** listOf reads names between commas; the router also hands it what it has read already. */
export function listOf<T extends string>(value: unknown, allowed: readonly T[]): T[] | undefined {
  const names: unknown = typeof value === "string" ? value.split(",") : value;
  if (!Array.isArray(names)) return undefined;
  return allowed.filter((name) => names.includes(name));
}

/** parseSearch and stringifySearch keep addresses short and readable: no JSON, no quotes. */
export function parseSearch(query: string): Search {
  return Object.fromEntries(new URLSearchParams(query));
}

export function stringifySearch(search: Search): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) {
    if (typeof value === "string" || typeof value === "number") parameters.set(name, String(value));
    else if (value === true) parameters.set(name, "1");
    else if (Array.isArray(value)) parameters.set(name, value.join(","));
  }
  const query = parameters.toString().replaceAll("%2C", ",");
  return query === "" ? "" : `?${query}`;
}
