import { Button, Group, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useState } from "react";
import { LoadMore } from "@/components/ui/LoadMore";
import { Page, Panel } from "@/components/ui/Page";
import { Empty, Failure, Loading, NotAllowed } from "@/components/ui/States";
import { useMay } from "@/lib/roles";
import { useActorName } from "../api/getActors";
import { useAudit, type AuditFilter } from "../api/getAudit";
import { AuditTable } from "./AuditTable";

interface Props {
  filter: AuditFilter;
  onFilter: (filter: AuditFilter) => void;
}

const fields: readonly { name: keyof AuditFilter; label: string; placeholder: string }[] = [
  { name: "action", label: "Action", placeholder: "insert, sign_in…" },
  { name: "table", label: "Table", placeholder: "job_runs" },
  { name: "actor", label: "Actor", placeholder: "user:, agent:, or an id" },
  { name: "request", label: "Request", placeholder: "whole id" },
];

/** AuditPage shows what happened in the tenant; the filter is in the address. */
export function AuditPage({ filter, onFilter }: Props) {
  const audit = useMay("audit");
  const filtered = Object.values(filter).some((value) => value !== undefined);
  const [cleared, setCleared] = useState(0);
  if (!audit)
    return (
      <Page title="Audit log">
        <Panel>
          <NotAllowed what="Auditors and administrators read the audit log." />
        </Panel>
      </Page>
    );
  return (
    <Page title="Audit log">
      <Group align="flex-end" gap="sm">
        {fields.map(({ name, label, placeholder }) => (
          <Field key={`${name} ${cleared}`} label={label} placeholder={placeholder} value={filter[name]} onChange={(value) => onFilter({ ...filter, [name]: value })} />
        ))}
        {filtered && (
          <Button
            variant="default"
            onClick={() => {
              setCleared(cleared + 1);
              onFilter({});
            }}
          >
            Clear
          </Button>
        )}
      </Group>
      <Panel>
        <Entries filter={filter} filtered={filtered} />
      </Panel>
    </Page>
  );
}

function Entries({ filter, filtered }: { filter: AuditFilter; filtered: boolean }) {
  const query = useAudit(filter, true);
  const actorName = useActorName(true);
  if (query.data === undefined) return query.isError ? <Failure error={query.error} retry={() => void query.refetch()} /> : <Loading />;
  const entries = query.data.pages.flat();
  if (entries.length === 0) return <Empty title={filtered ? "No entry matches" : "Nothing happened yet"} />;
  return (
    <>
      <AuditTable entries={entries} actorName={actorName} />
      <LoadMore query={query} />
    </>
  );
}

interface FieldProps {
  label: string;
  placeholder: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
}

function Field({ label, placeholder, value, onChange }: FieldProps) {
  const [text, setText] = useState(value ?? "");
  const tell = useDebouncedCallback((next: string) => onChange(next === "" ? undefined : next), 250);
  return (
    <TextInput
      label={label}
      placeholder={placeholder}
      value={text}
      onChange={(e) => {
        setText(e.currentTarget.value);
        tell(e.currentTarget.value);
      }}
    />
  );
}
