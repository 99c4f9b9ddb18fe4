import { TextInput } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { ButtonLink } from "@/components/ui/ButtonLink";
import { LoadMore } from "@/components/ui/LoadMore";
import { Page, Panel } from "@/components/ui/Page";
import { SafeText } from "@/components/ui/SafeText";
import { Empty, Failure, Loading } from "@/components/ui/States";
import { Table, type Column } from "@/components/ui/Table";
import { When } from "@/components/ui/When";
import { useMay } from "@/lib/roles";
import type { Script } from "@/lib/schema";
import { useSigns, type Sign } from "../api/getSigns";
import { useScripts } from "../api/getScripts";
import { VersionSign } from "./InspectionSign";

interface Props {
  search: string;
  onSearch: (search: string) => void;
}

const columns = (signs: Record<string, Sign>): readonly Column<Script>[] => [
  {
    title: "Name",
    cell: (script) => (
      <Link to="/scripts/$scriptId" params={{ scriptId: script.id }}>
        <SafeText>{script.name}</SafeText>
      </Link>
    ),
  },
  { title: "Description", cell: (script) => (script.description ? <SafeText>{script.description}</SafeText> : <span className="epo-quiet">–</span>) },
  { title: "Version", number: true, cell: (script) => script.latest_version ?? "–" },
  { title: "Inspection", cell: (script) => <VersionSign sign={signs[script.latest_version_id ?? ""]} /> },
  { title: "Changed", cell: (script) => <When at={script.updated_at} relative /> },
];

/** ScriptListPage lists the scripts of the tenant; the search is in the address. */
export function ScriptListPage({ search, onSearch }: Props) {
  const operate = useMay("operate");
  return (
    <Page
      title="Scripts"
      actions={
        operate && (
          <ButtonLink to="/scripts/new">New script</ButtonLink>
        )
      }
    >
      <TextInput type="search" aria-label="Search scripts by name" placeholder="Part of a name" maw={360} value={search} onChange={(e) => onSearch(e.currentTarget.value)} />
      <Panel>
        <ScriptTable search={search} operate={operate} />
      </Panel>
    </Page>
  );
}

function ScriptTable({ search, operate }: { search: string; operate: boolean }) {
  const query = useScripts(search);
  const ids = useMemo(() => (query.data?.pages.flat() ?? []).map((s) => s.latest_version_id).filter((id) => id !== null), [query.data]);
  const signs = useSigns(ids);
  if (query.data === undefined) return query.isError ? <Failure error={query.error} retry={() => void query.refetch()} /> : <Loading />;
  const scripts = query.data.pages.flat();
  if (scripts.length === 0 && search !== "") return <Empty title="No script has this in its name" />;
  if (scripts.length === 0) return <Empty title="No scripts yet">{operate ? <Link to="/scripts/new">Push the first one</Link> : "An operator can push one."}</Empty>;
  return (
    <>
      <Table label="Scripts" columns={columns(signs.data ?? {})} rows={scripts} rowKey={(script) => script.id} />
      <LoadMore query={query} />
    </>
  );
}
