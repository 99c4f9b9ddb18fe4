import { Button, Checkbox, Group, Stack, TextInput } from "@mantine/core";
import { useState } from "react";
import { SafeText } from "@/components/ui/SafeText";
import type { Choice } from "../api/getRunForm";
import css from "./TargetChoice.module.css";

interface Props {
  choices: readonly Choice[];
  value: readonly string[];
  onChange: (ids: string[]) => void;
}

const atOnce = 200;

/** TargetChoice chooses the targets of a run; the same for one and for a thousand. */
export function TargetChoice({ choices, value, onChange }: Props) {
  const [part, setPart] = useState("");
  const matching = choices.filter((c) => `${c.name} ${c.pool_name}`.toLowerCase().includes(part.toLowerCase()));
  const usable = matching.filter((c) => !c.disabled);
  const toggle = (id: string, on: boolean): void => onChange(on ? [...value, id] : value.filter((v) => v !== id));
  return (
    <fieldset className={css["group"]}>
      <legend>Targets</legend>
      {choices.length > 8 && (
        <Group gap="xs" mb="xs">
          <TextInput size="xs" type="search" aria-label="Find targets" placeholder="Name or pool" value={part} onChange={(e) => setPart(e.currentTarget.value)} />
          <Button size="xs" variant="default" onClick={() => onChange([...new Set([...value, ...usable.map((c) => c.id)])])}>
            Choose all {usable.length}
          </Button>
          <Button size="xs" variant="default" onClick={() => onChange([])}>
            None
          </Button>
        </Group>
      )}
      <Stack gap={6} className={css["list"]}>
        {matching.slice(0, atOnce).map((choice) => (
          <Checkbox
            key={choice.id}
            checked={value.includes(choice.id)}
            disabled={choice.disabled}
            onChange={(e) => toggle(choice.id, e.currentTarget.checked)}
            label={
              <>
                <SafeText>{choice.name}</SafeText>{" "}
                <span className="epo-quiet">
                  pool <SafeText>{choice.pool_name}</SafeText>
                  {choice.disabled && ", disabled"}
                </span>
              </>
            }
          />
        ))}
        {matching.length > atOnce && <span className="epo-quiet">{matching.length - atOnce} more: look for a part of the name</span>}
      </Stack>
    </fieldset>
  );
}
