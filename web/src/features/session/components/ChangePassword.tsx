import { Alert, Button, Group, Modal, PasswordInput, Stack } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { CommandLine } from "@/components/ui/CommandLine";
import { ErrorText } from "@/components/ui/States";
import { codeOf } from "@/lib/errors";
import { plain } from "@/lib/text";
import type { User } from "@/lib/session";
import { changePassword } from "../api/changePassword";

/** ChangePassword changes the password of whoever is signed in. This session goes on, their others end. */
export default function ChangePassword({ user, onClose }: { user: User; onClose: () => void }) {
  const [current, setCurrent] = useState("");
  const [fresh, setFresh] = useState("");
  const [again, setAgain] = useState("");
  const change = useMutation({ mutationFn: changePassword, gcTime: 0 });
  const code = codeOf(change.error);
  const differ = again !== "" && again !== fresh;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    change.mutate({ current, fresh });
  };
  return (
    <Modal opened onClose={onClose} title="Change your password">
      {change.isSuccess ? (
        <Stack>
          <Alert color="green" variant="light" role="status">
            The password is changed. This session goes on; your others have ended.
          </Alert>
          <Group justify="flex-end">
            <Button onClick={onClose}>Done</Button>
          </Group>
        </Stack>
      ) : (
        <form onSubmit={submit} aria-label="Change your password" noValidate>
          <Stack>
            {change.isError && code !== "password_wrong" && code !== "password_weak" && (
              <Alert color="red" variant="light" role="alert" title="The password was not changed">
                {code === "too_many_attempts" ? "Too many attempts. Wait a minute, then try again." : <ErrorText error={change.error} />}
              </Alert>
            )}
            {/* For password managers: whose password this is. */}
            <input type="text" autoComplete="username" value={plain(user.name)} readOnly hidden />
            <PasswordInput label="Present password" autoComplete="current-password" required data-autofocus value={current} aria-invalid={code === "password_wrong" || undefined} error={code === "password_wrong" ? "This is not your present password." : undefined} onChange={(e) => setCurrent(e.currentTarget.value)} />
            <PasswordInput label="New password" autoComplete="new-password" required value={fresh} aria-invalid={code === "password_weak" || undefined} error={code === "password_weak" && change.error instanceof Error ? plain(change.error.message) : undefined} onChange={(e) => setFresh(e.currentTarget.value)} />
            <PasswordInput label="New password again" autoComplete="new-password" required value={again} aria-invalid={differ || undefined} error={differ ? "The two are not the same." : undefined} onChange={(e) => setAgain(e.currentTarget.value)} />
            <CommandLine command="epo passwd" />
            <Group justify="flex-end">
              <Button variant="default" onClick={onClose}>
                Keep it
              </Button>
              <Button type="submit" loading={change.isPending} disabled={current === "" || fresh === "" || fresh !== again}>
                Change password
              </Button>
            </Group>
          </Stack>
        </form>
      )}
    </Modal>
  );
}
