import { useInfiniteQuery } from "@tanstack/react-query";
import { db, read } from "@/lib/http";
import { pages, pageSize } from "@/lib/paging";
import type { UserRow } from "@/lib/schema";

export function usersQuery() {
  return pages(["users"], (offset, signal) => read<UserRow[]>(db.from("users").select("*").order("name").order("id").range(offset, offset + pageSize - 1).abortSignal(signal)));
}

export function useUsers() {
  return useInfiniteQuery(usersQuery());
}
