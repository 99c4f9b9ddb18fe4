/** What the source views share. This module is loaded on demand: it brings CodeMirror. */
import { HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { powerShell } from "@codemirror/legacy-modes/mode/powershell";
import { search, searchKeymap } from "@codemirror/search";
import { EditorView, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const colors = HighlightStyle.define([
  { tag: tags.comment, color: "light-dark(#5c6570, #a6adb4)", fontStyle: "italic" },
  { tag: [tags.string, tags.special(tags.string)], color: "light-dark(#2b6a2f, #8ce99a)" },
  { tag: [tags.keyword, tags.controlKeyword], color: "light-dark(#862e9c, #e599f7)" },
  { tag: [tags.variableName, tags.definition(tags.variableName)], color: "light-dark(#1864ab, #74c0fc)" },
  { tag: tags.number, color: "light-dark(#8f5b00, #ffd43b)" },
  { tag: [tags.standard(tags.variableName), tags.function(tags.variableName)], color: "light-dark(#0b7285, #66d9e8)" },
  { tag: tags.invalid, color: "light-dark(#c92a2a, #ff8787)" },
]);

const look = EditorView.theme({
  "&": { color: "inherit", backgroundColor: "transparent", fontSize: "13px" },
  "&.cm-focused": { outline: "2px solid light-dark(#1864ab, #74c0fc)" },
  ".cm-scroller": { fontFamily: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace' },
  ".cm-gutters": { backgroundColor: "transparent", color: "light-dark(#5c6570, #a6adb4)", border: "none" },
  ".cm-content": { caretColor: "currentColor" },
  ".cm-cursor": { borderLeftColor: "currentColor" },
  ".cm-selectionBackground, &.cm-focused .cm-selectionBackground": { backgroundColor: "light-dark(#d0ebff, #1b4a72) !important" },
  ".cm-specialChar": { color: "light-dark(#c92a2a, #ff8787)" },
  ".cm-panels": { backgroundColor: "light-dark(#f1f3f5, #2e2e2e)", color: "inherit" },
  ".cm-deletedChunk": { backgroundColor: "light-dark(#ffe3e3, #451a1a)" },
  "&.cm-merge-b .cm-deletedText, .cm-deletedChunk .cm-deletedText": { background: "none", textDecoration: "underline 2px light-dark(#c92a2a, #ff8787)" },
  ".cm-changedLine": { backgroundColor: "light-dark(#ebfbee, #12351b) !important" },
});

export const codeExtensions = [
  lineNumbers(),
  highlightSpecialChars({ addSpecialChars: /[\u202a-\u202e\u2066-\u2069\u200b\u200e\u200f\u061c]/g }),
  StreamLanguage.define(powerShell),
  syntaxHighlighting(colors),
  search({ top: true }),
  keymap.of(searchKeymap),
  look,
];

/**
 * shadow returns a root of its own below an element. CodeMirror writes its styles into <style> elements, which the content security
 * policy forbids; in a shadow root it uses adopted style sheets, which it allows.
 */
export function shadow(host: HTMLElement): ShadowRoot {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  root.replaceChildren();
  return root;
}
