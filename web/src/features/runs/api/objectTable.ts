import { plainObject, type EmittedObject } from "./logRecord";

/** The column of objects that have no properties. */
export const valueColumn = "Value";

/** Columns shown at most; the JSON has all. */
const most = 40;

/** objectColumns is the union of the properties of some objects, in the order in which they come. */
export function objectColumns(objects: readonly (EmittedObject | undefined)[]): string[] {
  const names = new Set<string>();
  for (const object of objects) {
    if (object?.properties) for (const name of Object.keys(object.properties)) names.add(name);
    else if (object) names.add(valueColumn);
  }
  return [...names].slice(0, most);
}

/** objectCell is a property in one line. */
export function objectCell(object: EmittedObject | undefined, column: string): string {
  if (!object) return "…";
  if (!object.properties) return column === valueColumn ? oneLine(object) : "";
  const property = object.properties[column];
  return property === undefined || property === null ? "" : oneLine(property);
}

function oneLine(object: EmittedObject | null): string {
  const value = object?.value;
  if (typeof value === "string") return value.slice(0, 500);
  if (object?.items ?? object?.entries ?? (object?.properties && !object.string)) return JSON.stringify(plainObject(object)).slice(0, 500);
  return (object?.string ?? (value === undefined ? "" : JSON.stringify(value))).slice(0, 500);
}
