import { Alert, Button, FileButton, Group, Stack, Text, TextInput } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { Code } from "@/components/ui/Code";
import { CommandLine } from "@/components/ui/CommandLine";
import { ErrorText } from "@/components/ui/States";
import { decodeScript, encodeScript, size } from "@/lib/bytes";
import { command } from "@/lib/cli";
import { plain } from "@/lib/text";
import type { Source } from "../api/getSource";
import { usePushScript, type Pushed } from "../api/pushScript";

interface Props {
  /** The script that gets a new version; without it a new script is made. */
  script?: { name: string; source?: Source | undefined };
  onDone: (pushed: Pushed) => void;
}

interface Picked {
  name: string;
  bytes: Uint8Array;
}

/** PushScriptForm takes a script from a file, whose bytes stay as they are, or from what is typed or pasted. */
export function PushScriptForm({ script, onDone }: Props) {
  const [name, setName] = useState(script?.name ?? "");
  const [description, setDescription] = useState("");
  const [notes, setNotes] = useState("");
  const [text, setText] = useState(script?.source?.text ?? "");
  const [picked, setPicked] = useState<Picked>();
  const push = usePushScript();

  const pick = async (file: File | null): Promise<void> => {
    if (!file) return;
    const bytes = new Uint8Array(await file.arrayBuffer());
    setPicked({ name: file.name, bytes });
    setText(decodeScript(bytes));
    if (name === "") setName(file.name.replace(/\.ps1$/i, ""));
  };
  const type = (value: string): void => {
    if (value === text) return;
    setText(value);
    setPicked(undefined); // what is typed is no longer the file
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const bytes = picked?.bytes ?? encodeScript(text, script?.source?.bytes);
    push.mutate({ name, bytes, description: description || undefined, notes: notes || undefined }, { onSuccess: onDone });
  };

  return (
    <form onSubmit={submit} aria-label={script ? "New version" : "New script"}>
      <Stack>
        {push.isError && (
          <Alert color="red" variant="light" role="alert" title="The script was not stored">
            <ErrorText error={push.error} />
          </Alert>
        )}
        {push.data?.created === false && (
          <Alert color="yellow" variant="light" role="status">
            These are the bytes of version {push.data.version} already: nothing was stored.
          </Alert>
        )}
        {!script && <TextInput label="Name" required maxLength={200} value={name} onChange={(e) => setName(e.currentTarget.value)} />}
        {!script && <TextInput label="Description" value={description} onChange={(e) => setDescription(e.currentTarget.value)} />}
        <Group gap="sm">
          <FileButton onChange={(file) => void pick(file)} accept=".ps1,.psm1,text/plain">
            {(props) => (
              <Button {...props} variant="default">
                Take from a file
              </Button>
            )}
          </FileButton>
          <Text size="sm" c="dimmed" role="status">
            {picked ? `${plain(picked.name)}, ${size(picked.bytes.length)}, sent byte for byte` : "or paste it below"}
          </Text>
        </Group>
        <Code label="Source" value={text} onChange={type} />
        <TextInput label="Notes to this version" description="What changed, and why." value={notes} onChange={(e) => setNotes(e.currentTarget.value)} />
        <CommandLine command={command("epo", "script", "push", picked?.name ?? `${name || "script"}.ps1`, "--name", name || "NAME", notes && "--notes", notes)} />
        <Group>
          <Button type="submit" loading={push.isPending} disabled={text === "" || name === ""}>
            {script ? "Store new version" : "Store script"}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
