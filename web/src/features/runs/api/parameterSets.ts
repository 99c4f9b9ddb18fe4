/** Parameter sets: which of them a script has, which one some given parameters belong to, and what is mandatory in it. */
import { allSets, type Inspection, type Parameter, type SetMembership } from "@/lib/inspection";

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** setNames lists the sets to choose from; none where the script has no sets. */
export function setNames(inspection: Inspection): string[] {
  const names: string[] = [];
  for (const parameter of inspection.parameters) for (const { name } of parameter.sets) if (name !== allSets && !names.some((n) => same(n, name))) names.push(name);
  const { defaultSet } = inspection;
  if (names.length > 0 && defaultSet !== null && !names.some((n) => same(n, defaultSet))) names.unshift(defaultSet);
  return names;
}

/** membership is what a parameter is in a set; undefined: it does not belong to it. */
export function membership(parameter: Parameter, set: string | undefined): SetMembership | undefined {
  if (set === undefined) return parameter.sets[0];
  return parameter.sets.find((s) => same(s.name, set)) ?? parameter.sets.find((s) => s.name === allSets);
}

/** setOf chooses the set that parameters given belong to: the default one if it can be, else the first that can. */
export function setOf(inspection: Inspection, given: readonly Parameter[], preferred?: string): string | undefined {
  const names = setNames(inspection);
  const possible = names.filter((name) => given.every((parameter) => membership(parameter, name)));
  const has = (name: string | null | undefined): boolean => typeof name === "string" && possible.some((n) => same(n, name));
  if (has(preferred)) return preferred;
  if (has(inspection.defaultSet)) return inspection.defaultSet ?? undefined;
  return possible[0] ?? inspection.defaultSet ?? names[0];
}

/** ownParameters are the parameters that tell a set from the others. */
export function ownParameters(inspection: Inspection, set: string): Parameter[] {
  return inspection.parameters.filter((p) => p.sets.some((s) => same(s.name, set)));
}
