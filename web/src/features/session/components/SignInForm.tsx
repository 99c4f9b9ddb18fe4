import { Alert, Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { session, signInMessage, type Credentials } from "@/lib/session";

interface Props {
  /** Who has to sign in again; tenant and name are then fixed. */
  user?: { tenant: string; name: string };
  onDone?: () => void;
}

/** SignInForm asks for a name and a password, and for the tenant where there are several. */
export function SignInForm({ user, onDone }: Props) {
  const [tenant, setTenant] = useState(user?.tenant ?? "");
  const [name, setName] = useState(user?.name ?? "");
  const [password, setPassword] = useState("");
  const signIn = useMutation({ mutationFn: (credentials: Credentials) => session.signIn(credentials), onSuccess: onDone, gcTime: 0 });

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    signIn.mutate({ user: name.trim(), password, ...(tenant.trim() ? { tenant: tenant.trim() } : {}) });
  };

  return (
    <form onSubmit={submit} aria-label="Sign in">
      <Stack>
        {signIn.isError && (
          <Alert color="red" variant="light" role="alert">
            {signInMessage(signIn.error)}
          </Alert>
        )}
        <TextInput label="User name" autoComplete="username" value={name} onChange={(e) => setName(e.currentTarget.value)} required readOnly={user !== undefined} autoFocus={user === undefined} />
        <PasswordInput label="Password" autoComplete="current-password" value={password} onChange={(e) => setPassword(e.currentTarget.value)} required autoFocus={user !== undefined} />
        <TextInput label="Tenant" description="Only needed where this server has more than one." autoComplete="organization" value={tenant} onChange={(e) => setTenant(e.currentTarget.value)} readOnly={user !== undefined} />
        <Button type="submit" loading={signIn.isPending}>
          Sign in
        </Button>
      </Stack>
    </form>
  );
}
