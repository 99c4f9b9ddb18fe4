import { Alert, Button, Group, Stack, TextInput } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { CommandLine } from "@/components/ui/CommandLine";
import { Panel } from "@/components/ui/Page";
import { ErrorText } from "@/components/ui/States";
import { command } from "@/lib/cli";
import { useCreateUser } from "../api/createUser";
import { PasswordOnce } from "./PasswordOnce";
import { RoleChoice } from "./RoleChoice";

/** CreateUserPanel makes a user, and shows the password that the server made. */
export function CreateUserPanel({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [display, setDisplay] = useState("");
  const [roles, setRoles] = useState<string[]>(["operator"]);
  const create = useCreateUser();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    create.mutate({ name: name.trim(), display_name: display.trim(), roles });
  };
  const another = (): void => {
    create.reset();
    setName("");
    setDisplay("");
  };
  return (
    <Panel title="New user" padded side={<Button size="compact-xs" variant="default" onClick={onClose}>Close</Button>}>
      {create.data && (
        <Stack>
          <PasswordOnce name={create.data.name} password={create.data.password} />
          <Group>
            <Button variant="default" onClick={another}>
              Another user
            </Button>
          </Group>
        </Stack>
      )}
      {!create.data && (
        <form onSubmit={submit} aria-label="New user">
          <Stack>
            {create.isError && (
              <Alert color="red" variant="light" role="alert" title="The user was not made">
                <ErrorText error={create.error} />
              </Alert>
            )}
            <TextInput label="User name" description="What they sign in with." required maxLength={200} autoComplete="off" spellCheck={false} maw={360} value={name} onChange={(e) => setName(e.currentTarget.value)} />
            <TextInput label="Display name" description="Empty: the user name." maxLength={200} autoComplete="off" maw={360} value={display} onChange={(e) => setDisplay(e.currentTarget.value)} />
            <RoleChoice value={roles} onChange={setRoles} />
            <CommandLine command={command("epo", "user", "create", name.trim() || "NAME", display.trim() !== "" && "--display-name", display.trim() !== "" && display.trim(), ...roles.flatMap((r) => ["--role", r]))} />
            <Group>
              <Button type="submit" loading={create.isPending} disabled={name.trim() === "" || roles.length === 0}>
                Create user
              </Button>
            </Group>
          </Stack>
        </form>
      )}
    </Panel>
  );
}
