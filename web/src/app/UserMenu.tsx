import { Button, Menu, useMantineColorScheme } from "@mantine/core";
import { lazy, Suspense, useState } from "react";
import { SafeText } from "@/components/ui/SafeText";
import { setZone, useZone } from "@/lib/preferences";
import { useUser } from "@/lib/roles";
import { session } from "@/lib/session";

const ChangePassword = lazy(() => import("@/features/session/components/ChangePassword"));

/** UserMenu: who is signed in, how things are shown, and the way out. */
export function UserMenu() {
  const user = useUser();
  const zone = useZone();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const [changing, setChanging] = useState(false);
  if (!user) return null;
  return (
    <>
      <Menu position="bottom-end" width={240}>
        <Menu.Target>
          <Button variant="default" size="xs">
            <span className="epo-hidden">User menu: </span>
            <SafeText>{user.display_name || user.name}</SafeText>
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>
            <SafeText>{user.name}</SafeText> · {user.roles.join(", ")}
          </Menu.Label>
          <Menu.Divider />
          <Menu.Label>Times</Menu.Label>
          <Choice label="Local time" chosen={zone === "local"} onChoose={() => setZone("local")} />
          <Choice label="UTC" chosen={zone === "utc"} onChoose={() => setZone("utc")} />
          <Menu.Label>Colours</Menu.Label>
          <Choice label="As the system" chosen={colorScheme === "auto"} onChoose={() => setColorScheme("auto")} />
          <Choice label="Light" chosen={colorScheme === "light"} onChoose={() => setColorScheme("light")} />
          <Choice label="Dark" chosen={colorScheme === "dark"} onChoose={() => setColorScheme("dark")} />
          <Menu.Divider />
          <Menu.Item onClick={() => setChanging(true)}>Change password…</Menu.Item>
          <Menu.Item onClick={() => void session.signOut()}>Sign out</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {changing && (
        <Suspense fallback={null}>
          <ChangePassword user={user} onClose={() => setChanging(false)} />
        </Suspense>
      )}
    </>
  );
}

function Choice({ label, chosen, onChoose }: { label: string; chosen: boolean; onChoose: () => void }) {
  return (
    <Menu.Item role="menuitemradio" aria-checked={chosen} onClick={onChoose} rightSection={chosen ? "✓" : undefined}>
      {label}
    </Menu.Item>
  );
}
