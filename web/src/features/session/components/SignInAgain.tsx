import { Button, Group, Modal, Text } from "@mantine/core";
import { session, type User } from "@/lib/session";
import { SignInForm } from "./SignInForm";

/** SignInAgain stands over a page whose session ended. The page below keeps what was typed, and goes on after the sign-in. */
export function SignInAgain({ user }: { user: User }) {
  return (
    <Modal opened onClose={() => undefined} withCloseButton={false} closeOnEscape={false} title="Your session has ended">
      <Text size="sm" mb="md">
        Sign in again to go on where you were. Nothing you typed is lost.
      </Text>
      <SignInForm user={user} />
      <Group justify="flex-end" mt="sm">
        <Button variant="subtle" size="xs" onClick={() => void session.signOut()}>
          Sign out instead
        </Button>
      </Group>
    </Modal>
  );
}
