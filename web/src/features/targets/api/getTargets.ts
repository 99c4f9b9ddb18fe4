import { useInfiniteQuery } from "@tanstack/react-query";
import { db, read } from "@/lib/http";
import { contains, pages, pageSize } from "@/lib/paging";
import type { Target } from "@/lib/schema";

export function targetsQuery(search: string) {
  return pages(["targets", "list", search], (offset, signal) => {
    let query = db.from("targets").select("*").order("name").order("id");
    if (search !== "") query = query.ilike("name", contains(search));
    return read<Target[]>(query.range(offset, offset + pageSize - 1).abortSignal(signal));
  });
}

export function useTargets(search: string) {
  return useInfiniteQuery(targetsQuery(search));
}
