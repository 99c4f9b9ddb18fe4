import { describe, expect, it } from "vitest";
import { pieces, plain } from "./text";

const shown = (line: string): string => pieces(line).map((p) => p.text).join("");

describe("pieces", () => {
  it.each([
    ["NUL", "a\0b", "a\u2400b"],
    ["a bell", "a\u0007b", "a\u2407b"],
    ["an OSC 8 link", "\u001b]8;;http://evil/\u0007click\u001b]8;;\u0007", "\u241b]8;;http://evil/\u2407click\u241b]8;;\u2407"],
    ["a cursor movement", "\u001b[2Jgone", "\u241b[2Jgone"],
    ["a C1 control", "a\u009bb", "a\u27e8009B\u27e9b"],
    ["a mark that turns the direction", "exe.\u202etxt", "exe.\u27e8202E\u27e9txt"],
    ["a zero width space", "a\u200bb", "a\u27e8200B\u27e9b"],
    ["a lone surrogate", "a\ud800b", "a\u27e8D800\u27e9b"],
    ["an emoji", "ok \u{1f600}", "ok \u{1f600}"],
    ["a tab", "a\tb", "a\tb"],
    ["HTML", "<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"],
  ])("shows %s", (_, line, expected) => {
    expect(shown(line)).toBe(expected);
     
    expect(shown(line)).not.toMatch(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u202a-\u202e]/);
  });

  it("keeps terminal colours as style, and no escape in the text", () => {
    expect(pieces("\u001b[31;1mred\u001b[0m plain")).toEqual([{ text: "red", style: ["fg1", "bold"] }, { text: " plain" }]);
    expect(pieces("\u001b[38;2;1;2;3mx\u001b[92my\u001b[39mz")).toEqual([{ text: "x" }, { text: "y", style: ["fg10"] }, { text: "z" }]);
  });

  it("makes strings for titles", () => {
    expect(plain("\u001b[31mred\u001b[0m\u202e")).toBe("red\u27e8202E\u27e9");
  });
});
