import { Button, Group, SegmentedControl } from "@mantine/core";
import { useEffect, useState } from "react";
import { PlainCode } from "@/components/ui/Code";
import { SafeText } from "@/components/ui/SafeText";
import { Empty, Failure, Loading } from "@/components/ui/States";
import { Table } from "@/components/ui/Table";
import type { Attempt } from "@/lib/schema";
import { plainObject, type EmittedObject, type Stream } from "../api/logRecord";
import { objectColumns, objectCell } from "../api/objectTable";
import { useLogCache, useRows } from "../api/useLog";

const onlyObjects: { streams: readonly Stream[]; text: string } = { streams: ["object"], text: "" };
const pageSize = 50;

/** ObjectsView shows what the script emitted as objects: in columns, or as JSON. */
export function ObjectsView({ attempt }: { attempt: Attempt }) {
  const [page, setPage] = useState(0);
  const [look, setLook] = useState("table");
  const cache = useLogCache(attempt.id);
  const rows = useRows(attempt.id, attempt.next_seq - 1, onlyObjects);
  const first = page * pageSize;
  const seqs = Array.from({ length: Math.max(0, Math.min(pageSize, rows.count - first)) }, (_, i) => rows.at(first + i));
  const from = seqs[0];
  const to = seqs[seqs.length - 1];
  useEffect(() => {
    if (from !== undefined && to !== undefined) cache.load(from, to).catch(() => undefined); // told by the rows
  }, [cache, from, to]);

  if (rows.failed !== undefined) return <Failure error={rows.failed} />;
  if (rows.count === 0) return rows.scanned === undefined ? <Empty title="No objects were emitted" /> : <Loading />;
  const objects = seqs.map((seq) => ({ seq, object: objectOf(cache.get(seq)) }));
  return (
    <div>
      <Group justify="space-between" px="sm" py="xs">
        <SegmentedControl size="xs" aria-label="Show objects as" value={look} onChange={setLook} data={[{ value: "table", label: "Table" }, { value: "json", label: "JSON" }]} />
        <Group gap="xs">
          <span className="epo-quiet" role="status">
            {first + 1}–{first + seqs.length} of {rows.count.toLocaleString("en")}
          </span>
          <Button size="compact-xs" variant="default" disabled={page === 0} onClick={() => setPage(page - 1)}>
            Before
          </Button>
          <Button size="compact-xs" variant="default" disabled={first + pageSize >= rows.count} onClick={() => setPage(page + 1)}>
            Next
          </Button>
        </Group>
      </Group>
      {look === "table" ? <ObjectTable objects={objects} /> : <PlainCode label="Objects as JSON" value={JSON.stringify(objects.map((o) => plainObject(o.object)), null, 2)} />}
    </div>
  );
}

function ObjectTable({ objects }: { objects: readonly { seq: number; object: EmittedObject | undefined }[] }) {
  const names = objectColumns(objects.map((o) => o.object));
  const columns = names.map((name) => ({ title: name, cell: (row: { object: EmittedObject | undefined }) => <SafeText>{objectCell(row.object, name)}</SafeText> }));
  return <Table dense label="Objects" columns={columns} rows={objects} rowKey={(row) => row.seq} />;
}

function objectOf(record: ReturnType<ReturnType<typeof useLogCache>["get"]>): EmittedObject | undefined {
  return typeof record === "object" ? (record.object as EmittedObject) : undefined;
}
