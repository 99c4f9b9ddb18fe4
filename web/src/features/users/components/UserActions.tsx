import { Alert, Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { CommandLine } from "@/components/ui/CommandLine";
import { SafeText } from "@/components/ui/SafeText";
import { ErrorText } from "@/components/ui/States";
import { command } from "@/lib/cli";
import { codeOf } from "@/lib/errors";
import { useUser } from "@/lib/roles";
import type { UserRow } from "@/lib/schema";
import { plain } from "@/lib/text";
import { useDisableUser } from "../api/disableUser";
import { useResetPassword } from "../api/resetPassword";
import { useSetRoles } from "../api/setRoles";
import { PasswordOnce } from "./PasswordOnce";
import { RoleChoice } from "./RoleChoice";

type Asked = "roles" | "disable" | "reset";

/** UserActions changes one user: roles, whether they may do anything, and their password. */
export function UserActions({ user }: { user: UserRow }) {
  const [asked, setAsked] = useState<Asked>();
  const me = useUser()?.id === user.id;
  const close = (): void => setAsked(undefined);
  const name = plain(user.name);
  return (
    <>
      <Group gap={6} wrap="wrap">
        <Button size="compact-sm" variant="default" aria-label={`Roles of ${name}`} onClick={() => setAsked("roles")}>
          Roles…
        </Button>
        <Button size="compact-sm" variant="default" aria-label={`${user.disabled ? "Enable" : "Disable"} ${name}`} onClick={() => setAsked("disable")}>
          {user.disabled ? "Enable…" : "Disable…"}
        </Button>
        {!me && (
          <Button size="compact-sm" variant="default" aria-label={`Reset password of ${name}`} onClick={() => setAsked("reset")}>
            Reset password…
          </Button>
        )}
      </Group>
      {asked === "roles" && <RolesDialog user={user} me={me} onClose={close} />}
      {asked === "disable" && <DisableDialog user={user} me={me} onClose={close} />}
      {asked === "reset" && <ResetDialog user={user} onClose={close} />}
    </>
  );
}

interface DialogProps {
  title: string;
  onClose: () => void;
  error: unknown;
  children: ReactNode;
}

function Dialog({ title, onClose, error, children }: DialogProps) {
  return (
    <Modal opened onClose={onClose} title={title}>
      <Stack>
        {error !== null && error !== undefined && (
          <Alert color="red" variant="light" role="alert" title={codeOf(error) === "conflict" ? "This is the last administrator" : "Nothing was changed"}>
            {codeOf(error) === "conflict" ? "A tenant without an administrator cannot help itself, so nothing was changed. Make somebody else an administrator first." : <ErrorText error={error} />}
          </Alert>
        )}
        {children}
      </Stack>
    </Modal>
  );
}

function RolesDialog({ user, me, onClose }: { user: UserRow; me: boolean; onClose: () => void }) {
  const [roles, setRoles] = useState<string[]>(user.roles);
  const set = useSetRoles(user.id);
  return (
    <Dialog title={`Roles of ${plain(user.name)}`} onClose={onClose} error={set.error}>
      <RoleChoice value={roles} onChange={setRoles} />
      {me && !roles.includes("admin") && (
        <Text size="sm" component="div" role="status">
          This is you: without the role admin you cannot give it back to yourself.
        </Text>
      )}
      <CommandLine command={command("epo", "user", "set-roles", user.name, ...(roles.length > 0 ? roles : ["ROLE"]))} />
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          Leave them
        </Button>
        <Button loading={set.isPending} disabled={roles.length === 0} onClick={() => set.mutate(roles, { onSuccess: onClose })}>
          Set roles
        </Button>
      </Group>
    </Dialog>
  );
}

function DisableDialog({ user, me, onClose }: { user: UserRow; me: boolean; onClose: () => void }) {
  const change = useDisableUser(user.id);
  const verb = user.disabled ? "enable" : "disable";
  return (
    <Dialog title={user.disabled ? "Enable this user?" : "Disable this user?"} onClose={onClose} error={change.error}>
      <Text size="sm" component="div">
        <SafeText>{user.name}</SafeText> {user.disabled ? "can sign in again, with the roles and the password of before." : "can do nothing any more and is signed out everywhere. Runs that they asked for go on."}
        {me && !user.disabled && <b> This is you.</b>}
      </Text>
      <CommandLine command={command("epo", "user", verb, user.name)} />
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          {user.disabled ? "Leave disabled" : "Leave enabled"}
        </Button>
        <Button color={user.disabled ? undefined : "red"} loading={change.isPending} onClick={() => change.mutate(!user.disabled, { onSuccess: onClose })}>
          {user.disabled ? "Enable the user" : "Disable the user"}
        </Button>
      </Group>
    </Dialog>
  );
}

function ResetDialog({ user, onClose }: { user: UserRow; onClose: () => void }) {
  const reset = useResetPassword(user.id);
  if (reset.data)
    return (
      <Dialog title="A new password" onClose={onClose} error={null}>
        <PasswordOnce name={user.name} password={reset.data.password} />
        <Group justify="flex-end">
          <Button onClick={onClose}>Done</Button>
        </Group>
      </Dialog>
    );
  return (
    <Dialog title="Reset the password?" onClose={onClose} error={reset.error}>
      <Text size="sm" component="div">
        The server makes a new password for <SafeText>{user.name}</SafeText>. The present one is worth nothing then, and they are signed out everywhere.
      </Text>
      <CommandLine command={command("epo", "user", "reset-password", user.name)} />
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          Keep the present one
        </Button>
        <Button color="red" loading={reset.isPending} onClick={() => reset.mutate()}>
          Reset the password
        </Button>
      </Group>
    </Dialog>
  );
}
