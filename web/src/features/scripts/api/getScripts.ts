import { useInfiniteQuery } from "@tanstack/react-query";
import { db, read } from "@/lib/http";
import { contains, pages, pageSize } from "@/lib/paging";
import type { Script } from "@/lib/schema";

/** scriptsQuery lists scripts by name; `search` is a part of the name. */
export function scriptsQuery(search: string) {
  return pages(["scripts", "list", search], (offset, signal) => {
    let query = db.from("scripts").select("*").order("name").order("id");
    if (search !== "") query = query.ilike("name", contains(search));
    return read<Script[]>(query.range(offset, offset + pageSize - 1).abortSignal(signal));
  });
}

export function useScripts(search: string) {
  return useInfiniteQuery(scriptsQuery(search));
}
