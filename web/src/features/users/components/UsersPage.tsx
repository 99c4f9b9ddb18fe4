import { CommandLine } from "@/components/ui/CommandLine";
import { LoadMore } from "@/components/ui/LoadMore";
import { Page, Panel } from "@/components/ui/Page";
import { SafeText } from "@/components/ui/SafeText";
import { StateBadge } from "@/components/ui/StateBadge";
import { Empty, Failure, Loading } from "@/components/ui/States";
import { Table, type Column } from "@/components/ui/Table";
import { When } from "@/components/ui/When";
import { useMay } from "@/lib/roles";
import type { UserRow } from "@/lib/schema";
import { useUsers } from "../api/getUsers";

const columns: readonly Column<UserRow>[] = [
  { title: "Name", cell: (u) => <SafeText>{u.name}</SafeText> },
  { title: "Display name", cell: (u) => (u.display_name ? <SafeText>{u.display_name}</SafeText> : <span className="epo-quiet">–</span>) },
  { title: "Roles", cell: (u) => (u.roles.length > 0 ? u.roles.join(", ") : <span className="epo-quiet">none</span>) },
  { title: "State", cell: (u) => (u.disabled ? <StateBadge state="disabled" /> : <StateBadge state="active" />) },
  { title: "Last sign-in", cell: (u) => (u.last_sign_in_at ? <When at={u.last_sign_in_at} relative /> : "never") },
];

const roles: readonly { role: string; may: string }[] = [
  { role: "operator", may: "Pushes scripts, makes targets and pools, starts and cancels runs. Reads all but the audit log." },
  { role: "auditor", may: "Reads everything, the audit log included. Changes nothing." },
  { role: "admin", may: "All of this, and users, roles and agents." },
];

/** UsersPage lists people and what their roles mean. */
export function UsersPage() {
  const administer = useMay("administer");
  const query = useUsers();
  return (
    <Page title="Users and roles">
      <Panel title="Users">
        {query.data === undefined && (query.isError ? <Failure error={query.error} retry={() => void query.refetch()} /> : <Loading />)}
        {query.data?.pages.flat().length === 0 && <Empty title="Nobody to see">Your roles show you no other users.</Empty>}
        {query.data && query.data.pages.flat().length > 0 && <Table label="Users" columns={columns} rows={query.data.pages.flat()} rowKey={(u) => u.id} />}
        <LoadMore query={query} />
      </Panel>
      <Panel title="Roles">
        <Table
          label="Roles"
          columns={[
            { title: "Role", cell: (r) => r.role },
            { title: "May", cell: (r) => r.may },
          ]}
          rows={roles}
          rowKey={(r) => r.role}
        />
      </Panel>
      {administer && <CommandLine label="Users are made on the server's machine" command="epo admin user create NAME --role operator" />}
    </Page>
  );
}
