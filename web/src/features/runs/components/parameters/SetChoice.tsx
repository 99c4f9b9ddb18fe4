import { Radio, Stack } from "@mantine/core";
import type { Inspection } from "@/lib/inspection";
import { plain } from "@/lib/text";
import { ownParameters } from "../../api/parameterSets";

interface Props {
  inspection: Inspection;
  sets: readonly string[];
  value: string | undefined;
  onChange: (set: string) => void;
}

/** SetChoice chooses the parameter set: the parameters that may stand together. */
export function SetChoice({ inspection, sets, value, onChange }: Props) {
  if (sets.length < 2) return null;
  return (
    <Radio.Group label="Parameter set" description="These parameters stand together. What belongs to another set is not sent." value={value ?? ""} onChange={onChange}>
      <Stack gap={6} mt={6}>
        {sets.map((set) => (
          <Radio key={set} value={set} label={plain(set)} description={plain(ownParameters(inspection, set).map((p) => p.name).join(", ")) || "nothing of its own"} />
        ))}
      </Stack>
    </Radio.Group>
  );
}
