import { NativeSelect } from "@mantine/core";
import type { ScriptVersion } from "@/lib/schema";

interface Props {
  label: string;
  versions: readonly ScriptVersion[];
  value: number | undefined;
  onChange: (version: number) => void;
}

/** VersionSelect chooses one version of a script by its number. */
export function VersionSelect({ label, versions, value, onChange }: Props) {
  const latest = versions[0]?.version;
  return (
    <NativeSelect
      size="xs"
      label={label}
      value={String(value ?? "")}
      data={versions.map((v) => ({ value: String(v.version), label: `Version ${v.version}${v.version === latest ? " (latest)" : ""}` }))}
      onChange={(event) => onChange(Number(event.currentTarget.value))}
    />
  );
}
