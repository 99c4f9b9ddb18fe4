import { NativeSelect, Stack, Textarea, TextInput } from "@mantine/core";
import { PlainCode } from "@/components/ui/Code";
import { CommandLine } from "@/components/ui/CommandLine";
import { plain } from "@/lib/text";
import { identityFile, optionsOf, type Option, type OptionTexts, type TargetKind } from "../api/targetOptions";

interface Props {
  kind: TargetKind;
  name: string;
  texts: OptionTexts;
  /** The option that the server refused, and why. */
  refused: { option: string; message: string } | undefined;
  onChange: (texts: OptionTexts) => void;
}

/** OptionFields asks for the options that targets of a kind have; what is rarely needed is folded. */
export function OptionFields({ kind, name, texts, refused, onChange }: Props) {
  const all = optionsOf(kind);
  const rare = all.filter((o) => o.rare);
  const field = (option: Option) => <OptionField key={option.key} option={option} needed={isNeeded(option, texts)} text={texts[option.key] ?? ""} error={refused?.option === option.key ? refused.message : undefined} onChange={(text) => onChange({ ...texts, [option.key]: text })} />;
  return (
    <Stack>
      {all.filter((o) => !o.rare).map(field)}
      {kind !== "local" && <IdentityHelp kind={kind} name={name} texts={texts} />}
      <details open={rare.some((o) => (texts[o.key] ?? "") !== "" || o.key === refused?.option) || undefined}>
        <summary>More options</summary>
        <Stack mt="xs">{rare.map(field)}</Stack>
      </details>
    </Stack>
  );
}

function isNeeded({ key }: Option, texts: OptionTexts): boolean {
  return key === "address" || (key === "user" && texts["auth"] !== "certificate");
}

interface FieldProps {
  option: Option;
  needed: boolean;
  text: string;
  error: string | undefined;
  onChange: (text: string) => void;
}

function OptionField({ option, needed, text, error, onChange }: FieldProps) {
  const shared = { label: option.label, description: option.help, required: needed, error: error && plain(error), value: text };
  switch (option.form) {
    case "choice":
      return <NativeSelect {...shared} maw={360} data={[{ value: "", label: `Not given (${option.values?.[0] ?? ""})` }, ...(option.values ?? [])]} onChange={(e) => onChange(e.currentTarget.value)} />;
    case "lines":
    case "block":
      return <Textarea {...shared} autosize minRows={2} maxRows={10} spellCheck={false} placeholder={option.placeholder} styles={{ input: { fontFamily: "var(--epo-mono)" } }} onChange={(e) => onChange(e.currentTarget.value)} />;
    case "text":
    case "number":
      return <TextInput {...shared} maw={360} inputMode={option.form === "number" ? "numeric" : undefined} spellCheck={false} autoComplete="off" placeholder={option.placeholder} onChange={(e) => onChange(e.currentTarget.value)} />;
  }
}

/** IdentityHelp says where the secret belongs: in a file of the agent, never here. */
function IdentityHelp({ kind, name, texts }: Pick<Props, "kind" | "name" | "texts">) {
  return (
    <section aria-label="Where the secret belongs">
      <p style={{ margin: "0 0 0.4rem", fontSize: "var(--mantine-font-size-sm)" }}>
        <b>No secret is typed here, and the server never has one.</b> Each agent that serves the target keeps it in the file identities.json of its state folder, readable by its owner only:
      </p>
      <PlainCode label="identities.json of the agent" value={identityFile(kind, name, texts)} />
      <p style={{ margin: "0.4rem 0", fontSize: "var(--mantine-font-size-sm)" }} className="epo-quiet">
        {kind === "ssh" ? "A file name is relative to that folder; in place of key_file there can be a password, with a passphrase where the key has one." : "In place of the password there can be a client certificate: certificate_file and key_file."} Entries for other targets stand beside it.
      </p>
      <CommandLine label="On the agent's machine, in its state folder" command="chmod 600 identities.json" />
    </section>
  );
}
