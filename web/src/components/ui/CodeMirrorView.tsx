import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { Annotation, EditorState } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { useEffect, useRef } from "react";
import type { CodeMark, CodeProps } from "./Code";
import { markedCode, position, setMarking } from "./codeMarks";
import { codeExtensions, shadow } from "./codeSetup";

// Marks a change that came from outside, which is no typing.
const given = Annotation.define<boolean>();
const noMarks: readonly CodeMark[] = [];

/** normal is a text as the editor keeps it: lines end with \n. */
const normal = (text: string): string => text.replace(/\r\n?/g, "\n");

export default function CodeMirrorView({ value, onChange, label, marks = noMarks, line }: CodeProps) {
  const host = useRef<HTMLDivElement>(null);
  const change = useRef(onChange);
  const view = useRef<EditorView>(undefined);
  const writable = onChange !== undefined;
  useEffect(() => {
    change.current = onChange;
  }, [onChange]);

  useEffect(() => {
    if (!host.current) return;
    const root = shadow(host.current);
    const mode = writable
      ? [history(), keymap.of([...defaultKeymap, ...historyKeymap]), EditorView.updateListener.of((u) => {
            if (u.docChanged && !u.transactions.some((t) => t.annotation(given))) change.current?.(u.state.doc.toString());
          })]
      : [EditorState.readOnly.of(true)];
    const extensions = [codeExtensions, markedCode, mode, EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" })];
    const editor = new EditorView({ parent: root, root, state: EditorState.create({ extensions }) });
    view.current = editor;
    return () => editor.destroy();
  }, [writable, label]);

  useEffect(() => {
    const editor = view.current;
    const text = normal(value);
    if (!editor || editor.state.doc.toString() === text) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text }, annotations: given.of(true) });
  }, [value, writable, label]);

  useEffect(() => {
    view.current?.dispatch({ effects: setMarking.of({ marks, line }) });
  }, [marks, line, value, writable, label]);

  useEffect(() => {
    const editor = view.current;
    if (!editor || line === undefined) return;
    const at = position(editor.state.doc, line, 1);
    editor.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
  }, [line, value, writable, label]);

  return <div ref={host} />;
}
