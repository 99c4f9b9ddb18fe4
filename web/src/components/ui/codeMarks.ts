/** Marks in a source view: what the parser says at a place, and the line that a link leads to. Part of the view that is loaded on demand. */
import { RangeSetBuilder, StateEffect, StateField, type Text } from "@codemirror/state";
import { Decoration, EditorView, type DecorationSet } from "@codemirror/view";
import { plain } from "@/lib/text";
import type { CodeMark } from "./Code";

export interface Marking {
  marks: readonly CodeMark[];
  line: number | undefined;
}

export const setMarking = StateEffect.define<Marking>();

/** markedCode draws the marks that setMarking last brought; when the text changes they are taken away, since they are about another text. */
export const markedCode = [
  StateField.define<DecorationSet>({
    create: () => Decoration.none,
    update(marked, transaction) {
      const effect = transaction.effects.find((e) => e.is(setMarking));
      if (effect) return draw(transaction.newDoc, effect.value);
      return transaction.docChanged ? Decoration.none : marked;
    },
    provide: (field) => EditorView.decorations.from(field),
  }),
  EditorView.theme({
    ".epo-line": { backgroundColor: "light-dark(#fff3bf, #5c4a00)" },
    ".epo-bad": { textDecoration: "underline wavy light-dark(#c92a2a, #ff8787)", backgroundColor: "light-dark(#ffe3e3, #5c1a1a)" },
    ".epo-warn": { textDecoration: "underline wavy light-dark(#a35200, #ffc078)", backgroundColor: "light-dark(#fff3bf, #453400)" },
    ".epo-badLine": { boxShadow: "inset 3px 0 light-dark(#c92a2a, #ff8787)" },
    ".epo-warnLine": { boxShadow: "inset 3px 0 light-dark(#a35200, #ffc078)" },
  }),
];

interface Placed {
  from: number;
  to: number;
  decoration: Decoration;
}

function draw(doc: Text, { marks, line }: Marking): DecorationSet {
  const placed: Placed[] = [];
  const wholeLine = (number: number, name: string): void => {
    if (number < 1 || number > doc.lines) return;
    const { from } = doc.line(number);
    placed.push({ from, to: from, decoration: Decoration.line({ class: name }) });
  };
  if (line !== undefined) wholeLine(line, "epo-line");
  for (const mark of marks) {
    wholeLine(mark.line, `epo-${mark.tone}Line`);
    const from = position(doc, mark.line, mark.column);
    const to = Math.max(position(doc, mark.endLine, mark.endColumn), Math.min(from + 1, doc.length));
    if (from < to) placed.push({ from, to, decoration: Decoration.mark({ class: `epo-${mark.tone}`, attributes: { title: plain(mark.message) } }) });
  }
  placed.sort((a, b) => a.from - b.from || a.decoration.startSide - b.decoration.startSide || a.to - b.to);
  const builder = new RangeSetBuilder<Decoration>();
  for (const { from, to, decoration } of placed) builder.add(from, to, decoration);
  return builder.finish();
}

/** position is a place in the text, kept inside of it: lines and columns are foreign numbers. */
export function position(doc: Text, line: number, column: number): number {
  const found = doc.line(Math.min(Math.max(line, 1), doc.lines));
  return Math.min(found.from + Math.max(column, 1) - 1, found.to);
}
