import { EditorState } from "@codemirror/state";
import { describe, expect, it } from "vitest";
import { markedCode, position, setMarking } from "./codeMarks";

const state = EditorState.create({ doc: "one\ntwo\n", extensions: [markedCode] });
const mark = (line: number, column: number, endLine: number, endColumn: number) => ({ line, column, endLine, endColumn, message: "m", tone: "bad" as const });

describe("marks in a source view", () => {
  it("stay inside of the text, whatever the parser says", () => {
    const marks = [mark(2, 1, 2, 3), mark(99, 99, 999, 1), mark(-1, 0, 0, 0), mark(1, 2, 1, 2), mark(3, 1, 3, 1)];
    expect(() => state.update({ effects: setMarking.of({ marks, line: 2 }) }).state).not.toThrow();
    expect(() => EditorState.create({ doc: "", extensions: [markedCode] }).update({ effects: setMarking.of({ marks, line: 7 }) }).state).not.toThrow();
    expect([position(state.doc, 2, 2), position(state.doc, 2, 99), position(state.doc, 99, 1), position(state.doc, 0, 0)]).toEqual([5, 7, 8, 0]);
  });
});
