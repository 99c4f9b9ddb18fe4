import { unifiedMergeView } from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { useEffect, useRef } from "react";
import { codeExtensions, shadow } from "./codeSetup";
import type { CodeDifferenceProps } from "./Code";

export default function CodeMergeView({ before, after, label }: CodeDifferenceProps) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!host.current) return;
    const root = shadow(host.current);
    const merge = unifiedMergeView({ original: before, mergeControls: false, collapseUnchanged: { margin: 3, minSize: 6 }, gutter: true });
    const extensions = [codeExtensions, merge, EditorState.readOnly.of(true), EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" })];
    const view = new EditorView({ parent: root, root, state: EditorState.create({ doc: after, extensions }) });
    return () => view.destroy();
  }, [before, after, label]);
  return <div ref={host} />;
}
