import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Failure, Loading } from "./States";

interface DataProps<T> {
  query: UseQueryResult<T>;
  rows?: number;
  /** Shown instead of the children, unless it is false. */
  empty?: (data: T) => ReactNode;
  children: (data: T) => ReactNode;
}

/**
 * Data shows a query in its state: loading, failed, empty, or the data. Data that is there stays there when asking for it
 * again fails; the bar at the top of the page tells about a lost server.
 */
export function Data<T>({ query, rows, empty, children }: DataProps<T>) {
  if (query.data !== undefined) return empty?.(query.data) || children(query.data);
  if (query.isError) return <Failure error={query.error} retry={() => void query.refetch()} />;
  return <Loading rows={rows ?? 3} />;
}
