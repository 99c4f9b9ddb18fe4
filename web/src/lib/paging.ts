/** Lists that are read page by page, in an order that has no ties. */
import { infiniteQueryOptions, type QueryKey } from "@tanstack/react-query";

export const pageSize = 50;

/** pages describes a list whose pages follow each other by offset. A page that is not full is the last one. */
export function pages<T>(key: QueryKey, fetchPage: (offset: number, signal: AbortSignal) => Promise<T[]>) {
  return infiniteQueryOptions({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => fetchPage(pageParam, signal),
    initialPageParam: 0,
    getNextPageParam: (last: T[], all: T[][]) => (last.length < pageSize ? undefined : all.length * pageSize),
  });
}

/** contains is an ilike pattern for a part of a text; what the pattern would read as a sign is escaped. */
export function contains(part: string): string {
  return `%${part.replace(/[\\%_*]/g, "\\$&")}%`;
}
