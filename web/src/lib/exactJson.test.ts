import { describe, expect, it } from "vitest";
import { exact, JsonNumber, parseExact, sameExact, stringifyExact } from "./exactJson";

describe("exact JSON", () => {
  it.each(["12345678901234567890", "-0", "1.50", "1e400", "0.1234567890123456789", '{"2":1,"1":2,"__proto__":3}', '["\\ud800","\\u0000",""]', "null", '{"a":{"b":[[],{}]}}'])("writes %s as it was read", (text) => {
    expect(stringifyExact(parseExact(text))).toBe(text);
  });

  it("indents as people expect", () => {
    const text = '{\n  "Name": "world",\n  "List": [\n    1,\n    []\n  ]\n}';
    expect(stringifyExact(parseExact(text), 2)).toBe(text);
    expect(stringifyExact(new Map(), 2)).toBe("{}");
  });

  it.each([
    ['{"a":1,"a":2}', '"a" is given twice'],
    ["{a:1}", "a name between double quotes"],
    ["[1,]", "a value is expected"],
    ["01", "nothing may follow"],
    ["'x'", "a value is expected"],
    ['"a\nb"', "this text does not end"],
    ["", "ends too early"],
    ["[".repeat(500), "nested deeper"],
    ['{\n "a": tru }', "line 2, column 7"],
    ["NaN", "a value is expected"],
  ])("refuses %s", (text, problem) => {
    expect(() => parseExact(text)).toThrow(problem);
  });

  it("agrees with the browser's reader on what both can hold", () => {
    const value = { a: [1, 2.5, -3e10, true, null, "x\u2028\"\\"], b: { c: {} } };
    expect(sameExact(parseExact(JSON.stringify(value)), exact(value))).toBe(true);
    expect(sameExact(parseExact('{"a":1,"b":2}'), parseExact('{"b":2,"a":1}'))).toBe(true);
    expect(sameExact(new JsonNumber("1"), new JsonNumber("1.0"))).toBe(false);
  });
});
