import { Button, Modal, TextInput } from "@mantine/core";
import { useDebouncedValue, useHotkeys } from "@mantine/hooks";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useId, useState, type KeyboardEvent } from "react";
import { SafeText } from "@/components/ui/SafeText";
import { scriptsQuery } from "@/features/scripts/api/getScripts";
import { may, useUser } from "@/lib/roles";
import { actions, pages } from "./pages";
import css from "./CommandPalette.module.css";
import shell from "./Shell.module.css";

interface Entry {
  key: string;
  title: string;
  kind: string;
  go: () => void;
}

/** CommandPalette goes anywhere by a few letters: Ctrl+K, or ⌘K. */
export function CommandPalette() {
  const [open, setOpen] = useState(false);
  useHotkeys([["mod+K", () => setOpen(true)]], []);
  return (
    <>
      <Button variant="default" size="xs" onClick={() => setOpen(true)} aria-keyshortcuts="Control+K Meta+K">
        Go to…<span className={`${shell["wide"]} ${shell["keys"]}`}>Ctrl K</span>
      </Button>
      <Modal opened={open} onClose={() => setOpen(false)} title="Go to" size="lg">
        <Palette onDone={() => setOpen(false)} />
      </Modal>
    </>
  );
}

function Palette({ onDone }: { onDone: () => void }) {
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState(0);
  const id = useId();
  const entries = useEntries(text);
  const at = Math.min(chosen, entries.length - 1);
  const go = (entry: Entry | undefined): void => {
    if (!entry) return;
    onDone();
    entry.go();
  };
  const keys = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter") go(entries[at]);
    else if (step === undefined) return;
    else setChosen((at + step + entries.length) % Math.max(entries.length, 1));
    event.preventDefault();
  };
  return (
    <>
      <TextInput
        autoFocus
        data-autofocus
        role="combobox"
        aria-label="Page, script, or id of a run"
        aria-expanded
        aria-controls={`${id}-list`}
        aria-activedescendant={entries[at] && `${id}-${entries[at].key}`}
        placeholder="Page, script, or id of a run"
        value={text}
        onChange={(e) => {
          setText(e.currentTarget.value);
          setChosen(0);
        }}
        onKeyDown={keys}
      />
      <ul id={`${id}-list`} role="listbox" aria-label="Where to go" className={css["list"]}>
        {entries.map((entry, i) => (
          <li key={entry.key} id={`${id}-${entry.key}`} role="option" aria-selected={i === at} className={css["item"]} onClick={() => go(entry)} onMouseMove={() => setChosen(i)}>
            <SafeText>{entry.title}</SafeText>
            <span className="epo-quiet">{entry.kind}</span>
          </li>
        ))}
      </ul>
      {entries.length === 0 && <p className="epo-quiet">Nothing has this in its name.</p>}
    </>
  );
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function useEntries(text: string): Entry[] {
  const user = useUser();
  const navigate = useNavigate();
  const [settled] = useDebouncedValue(text.trim(), 150);
  const scripts = useInfiniteQuery({ ...scriptsQuery(settled), enabled: settled !== "" });
  const part = text.trim().toLowerCase();
  if (uuid.test(part)) return [{ key: "run", title: part, kind: "run", go: () => void navigate({ to: "/runs/$runId", params: { runId: part } }) }];
  const places = [...pages, ...actions]
    .filter((page) => (page.needs === undefined || may(user, page.needs)) && page.title.toLowerCase().includes(part))
    .map((page) => ({ key: page.to, title: page.title, kind: "page", go: () => void navigate({ to: page.to }) }));
  const found = settled === "" ? [] : (scripts.data?.pages[0] ?? []).slice(0, 12);
  return [...places, ...found.map((s) => ({ key: s.id, title: s.name, kind: "script", go: () => void navigate({ to: "/scripts/$scriptId", params: { scriptId: s.id } }) }))];
}
