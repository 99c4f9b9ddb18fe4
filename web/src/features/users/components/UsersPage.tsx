import { Button } from "@mantine/core";
import { useState } from "react";
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
import { CreateUserPanel } from "./CreateUserPanel";
import { roles } from "./RoleChoice";
import { UserActions } from "./UserActions";

const columns: readonly Column<UserRow>[] = [
  { title: "Name", cell: (u) => <SafeText>{u.name}</SafeText> },
  { title: "Display name", cell: (u) => (u.display_name ? <SafeText>{u.display_name}</SafeText> : <span className="epo-quiet">–</span>) },
  { title: "Roles", cell: (u) => (u.roles.length > 0 ? u.roles.join(", ") : <span className="epo-quiet">none</span>) },
  { title: "State", cell: (u) => (u.disabled ? <StateBadge state="disabled" /> : <StateBadge state="active" />) },
  { title: "Last sign-in", cell: (u) => (u.last_sign_in_at ? <When at={u.last_sign_in_at} relative /> : "never") },
];

/** UsersPage lists people and what their roles mean; an administrator lets them in, says what they may do, and shuts them out. */
export function UsersPage() {
  const administer = useMay("administer");
  const [creating, setCreating] = useState(false);
  const query = useUsers();
  const users = query.data?.pages.flat();
  const all = administer ? [...columns, { title: "Change", cell: (u: UserRow) => <UserActions user={u} /> }] : columns;
  return (
    <Page title="Users and roles" actions={administer && !creating && <Button onClick={() => setCreating(true)}>New user</Button>}>
      {creating && <CreateUserPanel onClose={() => setCreating(false)} />}
      <Panel title="Users">
        {users === undefined && (query.isError ? <Failure error={query.error} retry={() => void query.refetch()} /> : <Loading />)}
        {users?.length === 0 && <Empty title="Nobody to see">Your roles show you no other users.</Empty>}
        {users !== undefined && users.length > 0 && <Table label="Users" columns={all} rows={users} rowKey={(u) => u.id} />}
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
      {!administer && <div className="epo-quiet">Administrators make users and change what they may do. Your own password you change in the user menu.</div>}
    </Page>
  );
}
