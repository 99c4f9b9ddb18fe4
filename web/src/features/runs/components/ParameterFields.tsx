import { JsonInput } from "@mantine/core";

interface Props {
  /** Parameters as JSON text. */
  value: string;
  problem: string | undefined;
  onChange: (value: string) => void;
}

/**
 * ParameterFields asks for a script's parameters. It is the one place that will know a script's param() block: until scripts are
 * inspected, the raw JSON is the only way.
 */
export function ParameterFields({ value, problem, onChange }: Props) {
  return (
    <JsonInput
      label="Parameters"
      description='As JSON, name to value: {"Path": "/tmp", "Recurse": true}'
      error={problem}
      autosize
      minRows={3}
      maxRows={16}
      spellCheck={false}
      styles={{ input: { fontFamily: "var(--epo-mono)" } }}
      value={value}
      onChange={onChange}
    />
  );
}
