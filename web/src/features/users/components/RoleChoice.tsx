import { Checkbox, Stack } from "@mantine/core";

export const roles: readonly { role: string; may: string }[] = [
  { role: "operator", may: "Pushes scripts, makes targets and pools, starts and cancels runs. Reads all but the audit log." },
  { role: "auditor", may: "Reads everything, the audit log included. Changes nothing." },
  { role: "admin", may: "All of this, and users, roles and agents." },
];

/** RoleChoice chooses the roles of a user, one at least. */
export function RoleChoice({ value, onChange }: { value: readonly string[]; onChange: (roles: string[]) => void }) {
  return (
    <Checkbox.Group label="Roles" required value={[...value]} onChange={onChange} error={value.length === 0 ? "A user needs a role." : undefined}>
      <Stack gap={6} mt={6}>
        {roles.map(({ role, may }) => (
          <Checkbox key={role} value={role} label={role} description={may} />
        ))}
      </Stack>
    </Checkbox.Group>
  );
}
