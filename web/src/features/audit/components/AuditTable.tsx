import { Difference } from "@/components/ui/Difference";
import { SafeText } from "@/components/ui/SafeText";
import { Table, type Column } from "@/components/ui/Table";
import { When } from "@/components/ui/When";
import { changes } from "@/lib/difference";
import type { AuditEntry } from "@/lib/schema";

interface Props {
  entries: readonly AuditEntry[];
  actorName: (actor: string) => string;
}

/** AuditTable shows entries, and opens the difference that each made. */
export function AuditTable({ entries, actorName }: Props) {
  const columns: readonly Column<AuditEntry>[] = [
    { title: "When", cell: (e) => <When at={e.at} /> },
    { title: "Who", cell: (e) => (e.actor === null ? "–" : <span title={e.actor}><SafeText>{actorName(e.actor)}</SafeText></span>) },
    { title: "Action", cell: (e) => <SafeText>{e.action}</SafeText> },
    { title: "On", cell: (e) => (e.table_name === null ? <span className="epo-quiet">–</span> : <SafeText>{e.table_name}</SafeText>) },
    { title: "What changed", cell: (e) => <Changed entry={e} /> },
    { title: "Request", cell: (e) => (e.request_id === null ? "–" : <span className="epo-mono" title={e.request_id}><SafeText>{`${e.request_id.slice(0, 8)}…`}</SafeText></span>) },
  ];
  return <Table label="Audit log" columns={columns} rows={entries} rowKey={(e) => e.id} />;
}

function Changed({ entry }: { entry: AuditEntry }) {
  const count = changes(entry.before, entry.after).length;
  if (count === 0) return <span className="epo-quiet">–</span>;
  return (
    <details>
      <summary>{count === 1 ? "1 field" : `${count} fields`}</summary>
      {entry.row_key && <div className="epo-quiet epo-mono">{JSON.stringify(entry.row_key)}</div>}
      <Difference before={entry.before} after={entry.after} />
    </details>
  );
}
