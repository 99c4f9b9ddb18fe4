import { Alert } from "@mantine/core";
import { CommandLine } from "@/components/ui/CommandLine";
import { SafeText } from "@/components/ui/SafeText";

/** PasswordOnce shows a password that the server made. It cannot be shown again. */
export function PasswordOnce({ name, password }: { name: string; password: string }) {
  return (
    <Alert color="blue" variant="light" role="status" title="Shown once: copy it now">
      The password of <SafeText>{name}</SafeText>. Pass it on by a safe way; with it they sign in and choose one of their own in the user menu.
      <div style={{ marginTop: "0.5rem" }}>
        <CommandLine label="Password" command={password} />
      </div>
    </Alert>
  );
}
