import { Alert, Button, Group, Modal, Stack, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";
import { CommandLine } from "@/components/ui/CommandLine";
import { Data } from "@/components/ui/Data";
import { Facts } from "@/components/ui/Facts";
import { Page, Panel } from "@/components/ui/Page";
import { SafeText } from "@/components/ui/SafeText";
import { StateBadge } from "@/components/ui/StateBadge";
import { ErrorText } from "@/components/ui/States";
import { When } from "@/components/ui/When";
import { command } from "@/lib/cli";
import { codeOf } from "@/lib/errors";
import { useMay } from "@/lib/roles";
import type { Target } from "@/lib/schema";
import { useDeleteTarget } from "../api/deleteTarget";
import { usePlaces } from "../api/getPlaces";
import { useTarget } from "../api/getTarget";
import { optionsOf, optionWords, targetKinds, textsOf, valuesOf, type OptionTexts, type TargetKind } from "../api/targetOptions";
import { useUpdateTarget } from "../api/updateTarget";
import { ConnectionTestPanel } from "./ConnectionTestPanel";
import { refusedOption } from "./CreateTargetForm";
import { OptionFields } from "./OptionFields";

/** TargetPage shows one target, tests the way to it, and changes it. */
export function TargetPage({ targetId, onDeleted }: { targetId: string; onDeleted: () => void }) {
  const operate = useMay("operate");
  const query = useTarget(targetId);
  const target = query.data;
  return (
    <Page title={target?.name ?? "Target"} above={<Link to="/targets">Targets</Link>} badge={target?.disabled && <StateBadge state="disabled" />} actions={operate && target && <Actions target={target} onDeleted={onDeleted} />}>
      <Data query={query}>
        {(found) => (
          <>
            <Panel label="Target">
              <TargetFacts target={found} />
            </Panel>
            <ConnectionTestPanel target={found} />
            {operate && <Options key={JSON.stringify(found.options)} target={found} />}
          </>
        )}
      </Data>
    </Page>
  );
}

const kindOf = (target: Target): TargetKind => targetKinds.find((k) => k === target.kind) ?? "local";

function TargetFacts({ target }: { target: Target }) {
  const places = usePlaces();
  const agent = places.data?.agents.find((a) => a.id === target.agent_id)?.name ?? target.agent_id;
  const texts = textsOf(target.options);
  const named = optionsOf(kindOf(target)).filter((o) => texts[o.key] !== undefined);
  return (
    <Facts
      facts={[
        ["Kind", target.kind],
        ["Pool", <SafeText key="pool">{target.pool_name}</SafeText>],
        ["Agent", agent === null ? "any of the pool" : <SafeText key="agent">{agent}</SafeText>],
        ["Made", <When key="made" at={target.created_at} />],
        ...named.map((o) => [o.label, <SafeText key={o.key}>{texts[o.key] ?? ""}</SafeText>, o.form === "lines" || o.form === "block"] as const),
      ]}
    />
  );
}

/** Options changes the options of a target, all at once. */
function Options({ target }: { target: Target }) {
  const kind = kindOf(target);
  const [texts, setTexts] = useState<OptionTexts>(() => textsOf(target.options));
  const update = useUpdateTarget(target.id);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    update.mutate({ options: valuesOf(kind, texts) });
  };
  return (
    <Panel title="Options" padded>
      <form onSubmit={submit} aria-label="Options" noValidate>
        <Stack>
          {update.isError && (
            <Alert color="red" variant="light" role="alert" title="Nothing was changed">
              <ErrorText error={update.error} />
            </Alert>
          )}
          <OptionFields kind={kind} name={target.name} texts={texts} refused={refusedOption(update.error)} onChange={setTexts} />
          <CommandLine command={command("epo", "target", "update", target.name, ...optionWords(kind, texts))} />
          <Group>
            <Button type="submit" loading={update.isPending}>
              Save options
            </Button>
          </Group>
        </Stack>
      </form>
    </Panel>
  );
}

function Actions({ target, onDeleted }: { target: Target; onDeleted: () => void }) {
  const [asking, setAsking] = useState(false);
  const update = useUpdateTarget(target.id);
  return (
    <>
      {update.isError && (
        <div role="alert">
          <ErrorText error={update.error} />
        </div>
      )}
      <Button variant="default" loading={update.isPending} onClick={() => update.mutate({ disabled: !target.disabled })}>
        {target.disabled ? "Enable" : "Disable"}
      </Button>
      <Button variant="default" onClick={() => setAsking(true)}>
        Delete…
      </Button>
      {asking && <DeleteDialog target={target} onClose={() => setAsking(false)} onDeleted={onDeleted} />}
    </>
  );
}

function DeleteDialog({ target, onClose, onDeleted }: { target: Target; onClose: () => void; onDeleted: () => void }) {
  const remove = useDeleteTarget(target.id);
  const used = codeOf(remove.error) === "target_in_use";
  return (
    <Modal opened onClose={onClose} title="Delete this target?">
      <Text size="sm" mb="md" component="div">
        <SafeText>{target.name}</SafeText> goes for good. Only a target that no run, job or test was ever about can be deleted, since history names it; others are disabled.
      </Text>
      {remove.isError && (
        <Alert color="red" variant="light" role="alert" mb="md">
          {used ? "History names this target, so it stays. Disable it: nothing new is queued on it then." : <ErrorText error={remove.error} />}
        </Alert>
      )}
      <CommandLine command={command("epo", "target", "delete", target.name)} />
      <Group justify="flex-end" mt="md">
        <Button variant="default" onClick={onClose}>
          Keep it
        </Button>
        <Button color="red" loading={remove.isPending} onClick={() => remove.mutate(undefined, { onSuccess: onDeleted })}>
          Delete the target
        </Button>
      </Group>
    </Modal>
  );
}
