import { Button, Group, NativeSelect, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useState } from "react";
import { Page, Panel } from "@/components/ui/Page";
import { failedRunStates, openRunStates, runStates, type RunState } from "@/lib/schema";
import { RunTable } from "./RunTable";

/** RunListSearch is the filter as it stands in the address. */
export interface RunListSearch {
  state?: string | undefined;
  script?: string | undefined;
  by?: string | undefined;
}

interface Props {
  search: RunListSearch;
  onSearch: (search: RunListSearch) => void;
}

const groups: Record<string, readonly RunState[]> = { open: openRunStates, failing: failedRunStates };

/** statesOf reads the state filter: a group of states, or one state; anything else filters nothing. */
export function statesOf(state: string | undefined): readonly RunState[] | undefined {
  if (state === undefined) return undefined;
  return groups[state] ?? runStates.filter((s) => s === state);
}

/** RunListPage lists runs; what is filtered stands in the address. */
export function RunListPage({ search, onSearch }: Props) {
  const filtered = Object.values(search).some((value) => value !== undefined);
  return (
    <Page title="Runs">
      <Group align="flex-end" gap="sm">
        <NativeSelect
          label="State"
          value={search.state ?? ""}
          onChange={(e) => onSearch({ ...search, state: e.currentTarget.value || undefined })}
          data={[{ value: "", label: "Any" }, { value: "open", label: "Queued or running" }, { value: "failing", label: "Not succeeded" }, ...runStates.map((s) => ({ value: s, label: s.replaceAll("_", " ") }))]}
        />
        <Typed key={`script ${String(filtered)}`} label="Script" placeholder="Part of its name" value={search.script} onChange={(script) => onSearch({ ...search, script })} />
        <Typed key={`by ${String(filtered)}`} label="Asked for by" placeholder="User name" value={search.by} onChange={(by) => onSearch({ ...search, by })} />
        {filtered && (
          <Button variant="default" onClick={() => onSearch({})}>
            Clear
          </Button>
        )}
      </Group>
      <Panel>
        <RunTable filter={{ states: statesOf(search.state), script: search.script, by: search.by }} empty={filtered ? "No run matches" : "Nothing was run yet"} />
      </Panel>
    </Page>
  );
}

interface TypedProps {
  label: string;
  placeholder: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
}

/** Typed is a text filter that waits until the typing pauses. */
function Typed({ label, placeholder, value, onChange }: TypedProps) {
  const [text, setText] = useState(value ?? "");
  const tell = useDebouncedCallback((next: string) => onChange(next === "" ? undefined : next), 250);
  return (
    <TextInput
      label={label}
      placeholder={placeholder}
      value={text}
      onChange={(e) => {
        setText(e.currentTarget.value);
        tell(e.currentTarget.value);
      }}
    />
  );
}
