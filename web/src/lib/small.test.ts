import { describe, expect, it } from "vitest";
import { decodeScript, encodeScript, fromBase64, toBase64 } from "./bytes";
import { command, parameterWords } from "./cli";
import { changes } from "./difference";
import { parseExact, type ExactObject } from "./exactJson";
import { contains } from "./paging";
import { may } from "./roles";
import { ago, duration, stamp } from "./time";
import { signedInUser } from "@/testing/rows";

describe("scripts as bytes", () => {
  it.each([
    ["UTF-8", Uint8Array.of(0x61, 0x0a)],
    ["UTF-8 with a mark", Uint8Array.of(0xef, 0xbb, 0xbf, 0xc3, 0xa4, 0x0d, 0x0a)],
    ["UTF-16 little endian", Uint8Array.of(0xff, 0xfe, 0x61, 0, 0x0d, 0, 0x0a, 0)],
    ["UTF-16 big endian", Uint8Array.of(0xfe, 0xff, 0, 0x61)],
  ])("keep the way they were written: %s", (_, bytes) => {
    const edited = decodeScript(bytes).replace(/\r\n/g, "\n");
    expect([...encodeScript(edited, bytes)]).toEqual([...bytes]);
  });

  it("survive base64, also when they are long", () => {
    const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i % 256);
    expect(fromBase64(toBase64(bytes))).toEqual(bytes);
  });
});

describe("command", () => {
  it("quotes what a shell would read otherwise", () => {
    expect(command("epo", "run", "start", "--script", "it's $(rm)", false, undefined, "--target", "web-1")).toBe(`epo run start --script 'it'\\''s $(rm)' --target web-1`);
  });

  it("gives parameters as the command line reads them", () => {
    const words = (json: string) => parameterWords(parseExact(json) as ExactObject).filter((word) => word !== "--param");
    expect(words('{"Name":"Ada","Days":7,"Text":"7","List":[1,"a"]}')).toEqual(["Name=Ada", "Days=7", 'Text="7"', 'List=[1,"a"]']);
    expect(words('{"Force":true,"Off":false,"Rate":1.50,"Big":12345678901234567890,"None":null,"True":"true","Half":"0.5"}')).toEqual(["Force", "Off=false", "Rate:=1.50", "Big=12345678901234567890", "None=null", 'True="true"', 'Half="0.5"']);
  });
});

describe("changes", () => {
  it("lists what differs, and nothing else", () => {
    expect(changes({ a: 1, b: { x: 1, y: 2 }, c: "old" }, { a: 1, b: { y: 2, x: 1 }, c: "new", d: 4 })).toEqual([
      { name: "c", from: "old", to: "new" },
      { name: "d", from: undefined, to: 4 },
    ]);
    expect(changes(null, { a: null, b: 2 })).toEqual([{ name: "b", from: undefined, to: 2 }]);
  });
});

describe("times", () => {
  it("are shown in UTC with a Z", () => {
    expect(stamp("2026-11-26T14:03:59.123456Z", "utc", true)).toBe("2026-11-26 14:03:59.123Z");
    expect(stamp("nonsense", "utc")).toBe("nonsense");
  });

  it.each([[0, "just now"], [5, "5 s ago"], [-90, "in 1 min"], [7200, "2 h ago"], [200_000, "2 d ago"]])("are %i s away: %s", (seconds, words) => {
    const now = Date.parse("2026-01-01T00:00:00Z");
    expect(ago(new Date(now - seconds * 1000).toISOString(), now)).toBe(words);
  });

  it("last", () => {
    expect(duration("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.850Z")).toBe("850 ms");
    expect(duration("2026-01-01T00:00:00Z", "2026-01-01T00:03:05Z")).toBe("3 min 5 s");
    expect(duration("2026-01-01T00:00:01Z", "2026-01-01T00:00:00Z")).toBe("0 ms");
  });
});

describe("search patterns", () => {
  it("take signs as they are", () => {
    expect(contains("50%_*\\")).toBe("%50\\%\\_\\*\\\\%");
  });
});

describe("rights", () => {
  it("follow the roles", () => {
    expect([may(signedInUser, "operate"), may(signedInUser, "audit"), may(signedInUser, "administer"), may(undefined, "operate")]).toEqual([true, false, false, false]);
  });
});
