import { useInfiniteQuery } from "@tanstack/react-query";
import { db, read } from "@/lib/http";
import { contains, pages, pageSize } from "@/lib/paging";
import type { AuditEntry } from "@/lib/schema";

export interface AuditFilter {
  action?: string | undefined;
  table?: string | undefined;
  /** Part of the actor: `user:<id>`, `agent:<id>`, `system:<part>`. */
  actor?: string | undefined;
  request?: string | undefined;
}

/** auditQuery lists what happened, the latest first. */
export function auditQuery(filter: AuditFilter) {
  return pages(["audit", filter], (offset, signal) => {
    let query = db.from("audit_log").select("id,at,actor,request_id,action,table_name,row_key,before,after").order("at", { ascending: false }).order("id", { ascending: false });
    if (filter.action) query = query.ilike("action", contains(filter.action));
    if (filter.table) query = query.ilike("table_name", contains(filter.table));
    if (filter.actor) query = query.ilike("actor", contains(filter.actor));
    if (filter.request) query = query.eq("request_id", filter.request);
    return read<AuditEntry[]>(query.range(offset, offset + pageSize - 1).abortSignal(signal));
  });
}

export function useAudit(filter: AuditFilter, enabled: boolean) {
  return useInfiniteQuery({ ...auditQuery(filter), enabled });
}
