import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { session } from "@/lib/session";
import { FakeServer, refusal } from "@/testing/fakeServer";
import { renderPage } from "@/testing/render";
import { harmful, harmless, inspection, parameter, run, script, target } from "@/testing/rows";
import { RunFormPage } from "./RunFormPage";

let server: FakeServer;
let sent: Record<string, unknown>[];
const onQueued = vi.fn();

beforeEach(async () => {
  server = new FakeServer();
  server.install();
  sent = [];
  onQueued.mockReset();
  Object.assign(server.views, { scripts: [{ ...script }], targets: [{ ...target }], job_runs: [], script_inspections: [] });
  server.functions["queue_run"] = (args) => {
    sent.push(args["parameters"] as Record<string, unknown>);
    return { status: 200, body: { run_id: "r9", state: "queued", created: true } };
  };
  await session.start();
});

async function show(parameters: Record<string, unknown>[], more: Record<string, unknown> = {}) {
  server.views["script_inspections"] = [inspection(parameters, more)];
  const page = await renderPage(<RunFormPage scriptId="s1" like={undefined} onQueued={onQueued} />);
  await screen.findByRole("button", { name: "Run" });
  return page;
}

const press = () => userEvent.click(screen.getByRole("button", { name: "Run" }));
const box = (name: string | RegExp) => screen.getByRole("textbox", { name });
const advanced = (more: Record<string, unknown> = {}) => ({ document: { cmdlet_binding: more, dynamic_param: false } });

/** rawRequest is the body of the last queue_run, as it was sent. */
async function queued(): Promise<Record<string, unknown>> {
  await press();
  await expect.poll(() => sent.length).toBe(1);
  return sent[0] ?? {};
}

describe("a control for each type", () => {
  it("takes text, and sends nothing for what was left alone", async () => {
    await show([parameter("Name", "string"), parameter("Other", "string", { default: { kind: "value", value: "as it was" } })]);
    expect(box("Other")).toHaveProperty("placeholder", "as it was");
    await userEvent.type(box("Name"), "Ada");
    expect(screen.getByText("epo run start --script hello --target web-1 --param Name=Ada")).toBeDefined();
    expect(await queued()).toEqual({ Name: "Ada" });
  });

  it("takes an empty text when it is asked for, and leaves it out again", async () => {
    await show([parameter("Name", "string", { default: { kind: "value", value: "x" } })]);
    await userEvent.click(screen.getByRole("button", { name: "Empty text for Name" }));
    expect(screen.getByText("An empty text is sent.")).toBeDefined();
    expect(screen.getByText("epo run start --script hello --target web-1 --param Name=")).toBeDefined();
    await userEvent.click(screen.getByRole("button", { name: "Leave out Name" }));
    expect(await queued()).toEqual({});
  });

  it("takes several lines where a text has them", async () => {
    await show([parameter("Body", "string"), parameter("Short", "string")]);
    expect(box("Body").tagName).toBe("TEXTAREA");
    expect(box("Short").tagName).toBe("INPUT");
    await userEvent.click(screen.getByRole("button", { name: "Several lines for Short" }));
    await userEvent.type(box("Short"), "a{Enter}b");
    expect(await queued()).toEqual({ Short: "a\nb" });
  });

  it("takes numbers with all their digits", async () => {
    await show([parameter("Big", "uint64"), parameter("Price", "decimal")]);
    await userEvent.type(box("Big"), "18446744073709551615");
    await userEvent.type(box("Price"), "9.990");
    expect(screen.getByText("epo run start --script hello --target web-1 --param Big=18446744073709551615 --param Price:=9.990")).toBeDefined();
    await press();
    await expect.poll(() => server.texts.join("\n")).toContain('"parameters":{"Big":18446744073709551615,"Price":9.990}');
  });

  it("says when not all digits of a number can arrive", async () => {
    await show([parameter("Price", "decimal")]);
    const hint = "PowerShell cannot get all of these digits.";
    for (const fits of ["0.1234567890123456789012345", "1.5e3"]) {
      await userEvent.clear(box("Price"));
      await userEvent.type(box("Price"), fits);
      expect(screen.queryByText(hint), fits).toBeNull();
    }
    for (const long of ["0.12345678901234567890123456789", "1.2345678901234567e3", "0.00000000000012345678901234567"]) {
      await userEvent.clear(box("Price"));
      await userEvent.type(box("Price"), long);
      expect(screen.queryByText(hint), long).not.toBeNull();
    }
  });

  it("says at once what a number cannot be, ties it to the field, and sends nothing", async () => {
    await show([parameter("Count", "int", { validation: [{ kind: "range", min: 1, max: 600 }] })]);
    await userEvent.type(box("Count"), "601");
    const field = box("Count");
    expect(field.getAttribute("aria-invalid")).toBe("true");
    const described = (field.getAttribute("aria-describedby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent).join(" ");
    expect(described).toContain("This must be from 1 to 600.");
    await press();
    expect(document.activeElement).toBe(field);
    expect(sent).toEqual([]);
  });

  it("has a box for a switch, and a choice of three for a bool", async () => {
    await show([parameter("Force", "switch"), parameter("On", "bool", { default: { kind: "value", value: true } }), parameter("Loud", "switch", { default: { kind: "value", value: true } })]);
    await userEvent.click(screen.getByRole("checkbox", { name: "Force" }));
    expect(within(screen.getByRole("combobox", { name: "On" })).getByText("Not given (default True)")).toBeDefined();
    await userEvent.selectOptions(screen.getByRole("combobox", { name: "On" }), "False");
    await userEvent.selectOptions(screen.getByRole("combobox", { name: "Loud" }), "False");
    expect(await queued()).toEqual({ Force: true, On: false, Loud: false });
  });

  it("offers the values of ValidateSet as they are typed, and of an enumeration", async () => {
    await show([
      parameter("Size", "int", { validation: [{ kind: "set", values: [1, 2, 4] }] }),
      parameter("Day", "System.DayOfWeek", { type: { name: "System.DayOfWeek", resolved: "System.DayOfWeek", enum: ["Sunday", "Monday"] } }),
      parameter("Places", "string[]", { validation: [{ kind: "set", values: ["a", "b", "c"] }] }),
    ]);
    await userEvent.selectOptions(screen.getByRole("combobox", { name: "Size" }), "2");
    await userEvent.selectOptions(screen.getByRole("combobox", { name: "Day" }), "Monday");
    await userEvent.click(screen.getByRole("checkbox", { name: "c" }));
    await userEvent.click(screen.getByRole("checkbox", { name: "a" }));
    expect(await queued()).toEqual({ Size: 2, Day: "Monday", Places: ["c", "a"] });
  });

  it("takes a date with the clock it is of", async () => {
    await show([parameter("When", "datetime")]);
    const field = screen.getByLabelText("When");
    await userEvent.type(field, "2026-11-26T14:03");
    await userEvent.selectOptions(screen.getByRole("combobox", { name: "Clock of When" }), "UTC");
    expect(await queued()).toEqual({ When: "2026-11-26T14:03:00Z" });
  });

  it("takes a duration in words", async () => {
    await show([parameter("Wait", "timespan")]);
    await userEvent.type(box("Wait"), "90 s");
    expect(screen.getByText("Sent as 00:01:30")).toBeDefined();
    expect(await queued()).toEqual({ Wait: "00:01:30" });
  });

  it("takes a list by Enter, and by pasted lines", async () => {
    await show([parameter("Hosts", "string[]"), parameter("Ports", "int[]")]);
    await userEvent.click(screen.getByRole("button", { name: "Add a value to Hosts" }));
    await userEvent.type(box("Hosts, value 1"), "web-1{Enter}");
    await userEvent.click(box("Hosts, value 2"));
    await userEvent.paste("web-2\r\nweb-3\n");
    await userEvent.click(screen.getByRole("button", { name: "Remove value 1 of Hosts" }));
    await userEvent.click(screen.getByRole("button", { name: "Add a value to Ports" }));
    await userEvent.type(box("Ports, value 1"), "x");
    expect(screen.getByText("Value 1: This must be a whole number.")).toBeDefined();
    await userEvent.clear(box("Ports, value 1"));
    await userEvent.type(box("Ports, value 1"), "80");
    expect(await queued()).toEqual({ Hosts: ["web-2", "web-3"], Ports: [80] });
  });

  it("takes a hashtable as rows, each value as it is meant", async () => {
    await show([parameter("Tags", "hashtable")]);
    for (const i of [1, 2, 3]) {
      await userEvent.click(screen.getByRole("button", { name: "Add a row to Tags" }));
      await userEvent.type(box(`Tags, key ${i}`), ["team", "size", "Team"][i - 1] ?? "");
      await userEvent.type(box(`Tags, value ${i}`), "3");
    }
    expect(screen.getByText(/The key “Team” is there twice/)).toBeDefined();
    await userEvent.click(screen.getByRole("button", { name: "Remove row 3 of Tags" }));
    await userEvent.selectOptions(screen.getByRole("combobox", { name: "Tags, value 2 is meant as" }), "number");
    expect(await queued()).toEqual({ Tags: { team: "3", size: 3 } });
  });

  it("sends code as text", async () => {
    await show([parameter("Filter", "scriptblock")]);
    await userEvent.click(box("Filter"));
    await userEvent.paste("{ $_.Name -eq 'x' }");
    expect(await queued()).toEqual({ Filter: "{ $_.Name -eq 'x' }" });
  });

  it("takes a value of no type as what it is said to be, and a type it does not know as JSON", async () => {
    await show([parameter("Any", "object"), parameter("Thing", "My.Class")]);
    await userEvent.type(box("Any"), "12");
    await userEvent.selectOptions(screen.getByRole("combobox", { name: "Any is meant as" }), "number");
    await userEvent.click(box("Thing"));
    await userEvent.paste('{"A":');
    expect(screen.getByText(/This is no JSON/)).toBeDefined();
    await userEvent.paste("1}");
    expect(await queued()).toEqual({ Any: 12, Thing: { A: 1 } });
  });

  it("takes no secret, in no way", async () => {
    await show([parameter("Secret", "securestring"), parameter("Login", "pscredential")]);
    expect(within(screen.getByRole("group", { name: "Secret" })).getByText(/EPO takes none yet/)).toBeDefined();
    expect(screen.queryByRole("textbox", { name: /Secret|Login/ })).toBeNull();
    await userEvent.click(screen.getByRole("radio", { name: "JSON" }));
    await userEvent.clear(box("Parameters"));
    await userEvent.click(box("Parameters"));
    await userEvent.paste('{"Secret":"hunter2"}');
    await press();
    expect(screen.getByText(/Nothing is sent in plain text: leave this out/)).toBeDefined();
    expect(sent).toEqual([]);
  });
});

describe("what stands beside a field", () => {
  it("is help, type, rules, default, other names, and what only PowerShell checks, all shown safely", async () => {
    const { container } = await show([
      parameter("Name", "string", { help: harmful, aliases: ["n", "who"], default: { kind: "expression", text: "$env:USER" }, obsolete: "use New", validation: [{ kind: "length", min: 1, max: 9 }, { kind: "script", text: "{ Test-Path $_ }" }] }),
      parameter("Hidden", "string", { hidden: true }),
    ]);
    expect(container.textContent).toContain(harmless);
    expect(container.querySelector("img")).toBeNull();
    expect(screen.getByText("default $env:USER")).toBeDefined();
    expect(screen.getByText("also named n, who")).toBeDefined();
    expect(screen.getByText("1 to 9 characters")).toBeDefined();
    expect(screen.getByText(/PowerShell itself checks/).textContent).toContain("{ Test-Path $_ }");
    expect(screen.getByText("use New")).toBeDefined();
    expect(screen.queryByRole("textbox", { name: "Hidden" })).toBeNull();
  });

  it("names what is needed when the form is sent, and goes there", async () => {
    await show([parameter("Optional", "string"), parameter("Name", "string", { mandatory: true })]);
    expect(screen.queryByText("This is needed.")).toBeNull();
    await press();
    expect(await screen.findByText("This is needed.")).toBeDefined();
    expect(document.activeElement).toBe(box(/^Name/));
    expect(sent).toEqual([]);
    await userEvent.type(box(/^Name/), "x");
    expect(await queued()).toEqual({ Name: "x" });
  });

  it("shows what the server refuses at the field", async () => {
    server.functions["queue_run"] = () => ({ status: 400, body: { code: "parameter_rejected", message: "no such place", details: "place", hint: null } });
    await show([parameter("Place", "string")]);
    await userEvent.type(box("Place"), "Atlantis");
    await press();
    await expect.poll(() => box("Place").getAttribute("aria-invalid")).toBe("true");
    expect(document.activeElement).toBe(box("Place"));
    await userEvent.type(box("Place"), "!");
    expect(box("Place").getAttribute("aria-invalid")).not.toBe("true");
  });
});

describe("parameter sets", () => {
  const sets = [
    parameter("Name", "string", { mandatory: true, sets: [{ name: "ByName", mandatory: true }] }),
    parameter("Id", "int", { mandatory: true, sets: [{ name: "ById", mandatory: true }] }),
    parameter("Detailed", "switch"),
  ];

  it("are chosen; what belongs to another is not sent, and not lost", async () => {
    await show(sets, advanced({ DefaultParameterSetName: "ByName" }));
    await userEvent.type(box(/^Name/), "Ada");
    await userEvent.click(screen.getByRole("radio", { name: "ById" }));
    expect(screen.queryByRole("textbox", { name: /^Name/ })).toBeNull();
    await userEvent.type(box(/^Id/), "7");
    await userEvent.click(screen.getByRole("radio", { name: "ByName" }));
    expect(box(/^Name/)).toHaveProperty("value", "Ada");
    await userEvent.click(screen.getByRole("radio", { name: "ById" }));
    expect(await queued()).toEqual({ Id: 7 });
  });
});

describe("common parameters", () => {
  it("are folded, and there for advanced scripts only", async () => {
    await show([parameter("Name", "string")], advanced({ SupportsShouldProcess: true }));
    await userEvent.click(screen.getByText("Common parameters"));
    await userEvent.click(screen.getByRole("checkbox", { name: "WhatIf" }));
    await userEvent.selectOptions(screen.getByRole("combobox", { name: "ErrorAction" }), "Stop");
    expect(await queued()).toEqual({ WhatIf: true, ErrorAction: "Stop" });
  });

  it("are not for simple scripts", async () => {
    await show([parameter("Name", "string")]);
    expect(screen.queryByText("Common parameters")).toBeNull();
  });
});

describe("form and JSON", () => {
  it("show the same values, unknown names too", async () => {
    await show([parameter("Name", "string"), parameter("Count", "int")], advanced());
    await userEvent.type(box("Name"), "Ada");
    await userEvent.click(screen.getByRole("radio", { name: "JSON" }));
    expect(box("Parameters")).toHaveProperty("value", '{\n  "Name": "Ada"\n}');
    await userEvent.clear(box("Parameters"));
    await userEvent.paste('{"count": 12345678901234567890, "Name": ["odd"], "Extra": {"a": 1.50}}');
    await userEvent.click(screen.getByRole("radio", { name: "Form" }));
    expect(box("Count")).toHaveProperty("value", "12345678901234567890");
    expect(box("Name").textContent).toContain('"odd"');
    expect(screen.getByText("The script has no parameter of this name.")).toBeDefined();
    await userEvent.click(screen.getByRole("radio", { name: "JSON" }));
    expect(box("Parameters").textContent?.replace(/\s/g, "")).toBe('{"count":12345678901234567890,"Name":["odd"],"Extra":{"a":1.50}}');
  });

  it("stay at JSON that cannot be read", async () => {
    await show([parameter("Name", "string")]);
    await userEvent.click(screen.getByRole("radio", { name: "JSON" }));
    await userEvent.clear(box("Parameters"));
    await userEvent.paste('{"Name": }');
    expect(screen.getByText(/This is no JSON: line 1, column 10/)).toBeDefined();
    expect(screen.getByRole("radio", { name: "Form" })).toHaveProperty("disabled", true);
    expect(screen.getByRole("button", { name: "Run" })).toHaveProperty("disabled", true);
  });

  it("take names that the script may know", async () => {
    await show([], { document: { cmdlet_binding: {}, dynamic_param: true } });
    await userEvent.type(box("Name of another parameter"), "Size{Enter}");
    await userEvent.type(box("Size"), "9");
    expect(await queued()).toEqual({ Size: "9" });
  });
});

describe("the user's last values", () => {
  it("are offered from the server, with all their digits", async () => {
    server.views["job_runs"] = [{ ...run, parameters: '{"Name": "world", "Big": 12345678901234567890}' }, { ...run, id: "r2", requested_by: "u2", created_at: "2026-02-01T00:00:00Z", parameters: { Name: "of somebody else" } }];
    await show([parameter("Name", "string"), parameter("Big", "uint64")]);
    await userEvent.click(await screen.findByRole("button", { name: "Use these values" }));
    expect(box("Name")).toHaveProperty("value", "world");
    expect(box("Big")).toHaveProperty("value", "12345678901234567890");
  });
});

describe("a version that comes meanwhile", () => {
  it("is told and can be taken; what was typed stays, and what was looked at is what runs", async () => {
    const queue = vi.fn(() => ({ status: 200, body: { run_id: "r9", state: "queued", created: true } }));
    server.functions["queue_run"] = queue;
    await show([parameter("Name", "string")]);
    await userEvent.type(box("Name"), "Ada");
    server.views["scripts"] = [{ ...script, latest_version: 3, latest_version_id: "v3" }];
    server.views["script_inspections"]?.push(inspection([parameter("Name", "string"), parameter("More", "string")], { script_version_id: "v3" }));
    window.dispatchEvent(new Event("visibilitychange"));
    expect(await screen.findByText("Version 3 came meanwhile")).toBeDefined();
    await press();
    await expect.poll(() => queue.mock.calls.length).toBe(1);
    expect(queue).toHaveBeenCalledWith(expect.objectContaining({ script_version_id: "v2", parameters: { Name: "Ada" } }));
    await userEvent.click(screen.getByRole("button", { name: "Take version 3" }));
    expect(await screen.findByRole("textbox", { name: "More" })).toBeDefined();
    expect(box("Name")).toHaveProperty("value", "Ada");
  });
});

describe("what is known about the script", () => {
  it("is nothing: the raw way, and it says so", async () => {
    await renderPage(<RunFormPage scriptId="s1" like={undefined} onQueued={onQueued} />);
    expect(await screen.findByText("This version was not inspected")).toBeDefined();
    expect(box("Parameters")).toBeDefined();
  });

  it("comes while one waits, and makes the form", async () => {
    server.views["script_inspections"] = [inspection([], { state: "pending", ok: null })];
    await renderPage(<RunFormPage scriptId="s1" like={undefined} onQueued={onQueued} />);
    expect(await screen.findByText("This version waits for an agent to inspect it")).toBeDefined();
    server.views["script_inspections"] = [inspection([parameter("Name", "string")])];
    expect(await screen.findByRole("textbox", { name: "Name" }, { timeout: 4000 })).toBeDefined();
  });

  it.each([
    [{ ok: null, not_inspected_reason: "configuration" }, /configuration block/],
    [{ ok: null, state: "failed", not_inspected_reason: "timeout" }, /The inspection of this version failed: reading it took too long/],
  ])("is that it was not inspected, and why: %o", async (more, words) => {
    await show([], { ...more, document: null, parameters: null, errors: null });
    expect(screen.getByText(words)).toBeDefined();
    expect(screen.getByRole("button", { name: "Run" })).toHaveProperty("disabled", false);
  });

  it("is that it has errors: they are listed with their lines, and it cannot run", async () => {
    await show([], { ok: false, errors: [{ id: "MissingEndCurlyBrace", message: "Missing closing '}'.", line: 3, column: 7, end_line: 3, end_column: 8 }] });
    expect(screen.getByRole("link", { name: "Line 3, column 7" }).getAttribute("href")).toContain("line=3");
    expect(screen.getByRole("button", { name: "Run" })).toHaveProperty("disabled", true);
  });

  it("is that the agent's machine lacks something, which keeps no run away", async () => {
    await show([parameter("Name", "string")], { ok: false, errors: [{ id: "ModuleNotFound", message: "no module", line: 1, column: 1, environment: true }] });
    expect(screen.getByText("On the agent that read it, something is missing")).toBeDefined();
    expect(screen.getByRole("button", { name: "Run" })).toHaveProperty("disabled", false);
  });

  it("is what the server says: a version with errors is refused with its line", async () => {
    server.functions["queue_run"] = () => refusal(409, "script_invalid", "line 3: missing }");
    await show([]);
    await press();
    expect(await screen.findByText("line 3: missing }")).toBeDefined();
  });
});
