import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { session } from "@/lib/session";
import { FakeServer, refusal } from "@/testing/fakeServer";
import { renderPage } from "@/testing/render";
import { harmful, harmless, inspection, parameter, script, version } from "@/testing/rows";
import { NewScriptPage } from "./PushScriptPage";
import { ScriptListPage } from "./ScriptListPage";
import { ScriptPage } from "./ScriptPage";

// The editor needs a layout engine; the browser suite looks at it.
vi.mock("@/components/ui/CodeMirrorView", () => ({
  default: ({ value, label, onChange, marks, line }: { value: string; label: string; onChange?: (v: string) => void; marks?: { line: number; tone: string }[]; line?: number }) => <textarea aria-label={label} value={value} data-line={line} data-marks={marks?.map((m) => `${m.tone} ${m.line}`).join()} readOnly={!onChange} onChange={(e) => onChange?.(e.currentTarget.value)} />,
}));

let server: FakeServer;
beforeEach(async () => {
  server = new FakeServer();
  server.install();
  server.views["scripts"] = [{ ...script }, { ...script, id: "s2", name: harmful }];
  server.views["script_versions"] = [{ ...version }, { ...version, id: "v1", version: 1 }];
  server.views["script_inspections"] = [];
  server.views["script_contents"] = [{ script_version_id: "v2", content: btoa("Write-Output 2") }, { script_version_id: "v1", content: btoa("Write-Output 1") }];
  await session.start();
});

const as = async (...roles: string[]): Promise<void> => {
  server.user = { ...server.user, roles };
  await session.start();
};

describe("ScriptListPage", () => {
  it("lists scripts, names shown safely", async () => {
    await renderPage(<ScriptListPage search="" onSearch={() => undefined} />);
    expect((await screen.findByRole("link", { name: "hello" })).getAttribute("href")).toBe("/scripts/s1");
    expect(screen.getAllByRole("link").map((link) => link.textContent)).toContain(harmless);
    expect(screen.getByRole("link", { name: "New script" })).toBeDefined();
  });

  it("has no button to push for auditors", async () => {
    await as("auditor");
    await renderPage(<ScriptListPage search="" onSearch={() => undefined} />);
    await screen.findByRole("link", { name: "hello" });
    expect(screen.queryByRole("link", { name: "New script" })).toBeNull();
  });

  it("tells an empty list from a search without a match", async () => {
    await renderPage(<ScriptListPage search="zzz" onSearch={() => undefined} />);
    expect(await screen.findByText("No script has this in its name")).toBeDefined();
  });

  it("tells what failed, and tries again when asked", async () => {
    server.views["scripts"] = undefined as never;
    await renderPage(<ScriptListPage search="" onSearch={() => undefined} />);
    expect(await screen.findByText("Not found")).toBeDefined();
  });
});

describe("ScriptPage", () => {
  it("shows the source of the chosen version", async () => {
    const onView = vi.fn();
    await renderPage(<ScriptPage scriptId="s1" view={{ tab: "source", version: 1 }} onView={onView} runs={null} />);
    expect(await screen.findByRole("textbox", { name: "Source of version 1" })).toHaveProperty("value", "Write-Output 1");
    await userEvent.selectOptions(screen.getByRole("combobox", { name: "Version" }), "Version 2 (latest)");
    expect(onView).toHaveBeenCalledWith({ tab: "source", version: 2 });
  });

  it("leads from a version to what it changed", async () => {
    const onView = vi.fn();
    await renderPage(<ScriptPage scriptId="s1" view={{ tab: "versions" }} onView={onView} runs={null} />);
    await userEvent.click(await screen.findByRole("button", { name: "Changes of version 2" }));
    expect(onView).toHaveBeenCalledWith({ tab: "difference", from: 1, to: 2 });
  });

  it("says that a script of somebody else does not exist", async () => {
    await renderPage(<ScriptPage scriptId="other" view={{ tab: "source" }} onView={() => undefined} runs={null} />);
    expect(await screen.findByText("Not found")).toBeDefined();
  });
});

const fault = { id: "MissingEndCurlyBrace", message: `Missing ${harmful}`, line: 3, column: 7, end_line: 3, end_column: 8 };

describe("what the parser says", () => {
  const page = (tab: "source" | "inspection" | "versions", onView = vi.fn()) => renderPage(<ScriptPage scriptId="s1" view={{ tab, line: tab === "source" ? 3 : undefined }} onView={onView} runs={null} />);

  it("marks errors in the source, and leads from each to its line", async () => {
    server.views["script_inspections"] = [inspection([], { ok: false, errors: [fault, { ...fault, id: "ModuleNotFound", line: 1, environment: true }] })];
    const onView = vi.fn();
    await page("source", onView);
    const source = await screen.findByRole("textbox", { name: "Source of version 2" });
    await expect.poll(() => source.dataset["marks"]).toBe("bad 3,warn 1");
    expect(source.dataset["line"]).toBe("3");
    expect(screen.getByText("✕ 1 syntax error: this version cannot run")).toBeDefined();
    await userEvent.click(screen.getByRole("button", { name: "Line 3, column 7" }));
    expect(onView).toHaveBeenCalledWith({ tab: "source", version: 2, line: 3 });
    expect(document.body.textContent).toContain(`Missing ${harmless}`);
    expect(document.querySelector("img")).toBeNull();
  });

  it("is waited for, and comes by itself", async () => {
    server.views["script_inspections"] = [inspection([], { state: "pending", ok: null })];
    await page("source");
    expect(await screen.findByText(/Waiting for an agent to inspect it/)).toBeDefined();
    server.views["script_inspections"] = [inspection([])];
    expect(await screen.findByText("✓ No syntax error")).toBeDefined();
  });

  it("has the parameters, help, requirements and commands of a version", async () => {
    const help = { synopsis: "Restarts it", description: "Line one\nLine two", parameters: {}, examples: ["./x.ps1"], notes: null, links: ["https://example.org"] };
    const requires = { version: "7.2", editions: ["Core"], elevated: true, modules: [{ name: "Pester", minimum_version: "5.0" }], assemblies: [] };
    const document = { commands: [{ name: "Get-Item", count: 2, line: 4 }], functions: ["Helper"], output_types: ["System.String"] };
    server.views["script_inspections"] = [inspection([parameter("Big", "long", { default: { kind: "value", value: 5 }, aliases: ["b"], line: 4, validation: [{ kind: "range", min: 1, max: 9 }] }), parameter("Name", "string", { mandatory: true, help: harmful })], { help, requires, document })];
    const onView = vi.fn();
    await page("inspection", onView);
    const table = await screen.findByRole("table", { name: "Parameters" });
    expect(within(table).getAllByRole("row")[1]?.textContent).toBe("Bigblongno51 to 9–");
    expect(table.textContent).toContain(harmless);
    for (const words of ["Restarts it", "PowerShell 7.2, edition Core, administrator rights, module Pester 5.0", "7.6.9 Core", "Get-Item ×2", "https://example.org"]) expect(screen.getByText(words)).toBeDefined();
    expect(screen.queryByRole("link", { name: /example.org/ })).toBeNull();
    expect(screen.getByText("epo script show hello")).toBeDefined();
    await userEvent.click(screen.getByRole("button", { name: "Big" }));
    expect(onView).toHaveBeenCalledWith({ tab: "source", version: 2, line: 4 });
  });

  it("can be asked for again where there is none", async () => {
    server.functions["inspect_script"] = () => {
      server.views["script_inspections"] = [inspection([], { state: "pending", ok: null })];
      return { status: 200, body: { inspection_id: "i1", state: "pending" } };
    };
    await page("inspection");
    await userEvent.click(await screen.findByRole("button", { name: "Inspect it now" }));
    expect(await screen.findByText("There is no result yet")).toBeDefined();
  });

  it("is why there is none", async () => {
    server.views["script_inspections"] = [inspection([], { ok: null, not_inspected_reason: "configuration", document: null })];
    await page("inspection");
    expect(await screen.findByText(/Not inspected: it has a configuration block/)).toBeDefined();
  });

  it("cannot be asked for by auditors", async () => {
    await as("auditor");
    await page("inspection");
    expect(await screen.findByText("There is no result")).toBeDefined();
    expect(screen.queryByRole("button", { name: /Inspect it/ })).toBeNull();
  });

  it("has a sign in lists, of scripts and of versions", async () => {
    server.views["script_inspections"] = [inspection([], { ok: false, errors: [fault, fault] }), inspection([], { script_version_id: "v1", state: "pending", ok: null })];
    await renderPage(<ScriptListPage search="" onSearch={() => undefined} />);
    expect(await screen.findAllByText("✕ 2 syntax errors")).toHaveLength(2);
    await page("versions");
    expect(await screen.findByText("○ to be inspected")).toBeDefined();
  });
});

describe("NewScriptPage", () => {
  it("sends the bytes of a file as they are", async () => {
    const push = vi.fn((args: Record<string, unknown>) => args && ({ status: 200, body: { script_id: "s9", script_version_id: "v9", version: 1, sha256: "", size_bytes: 3, created: true } }));
    server.functions["push_script"] = push;
    const onDone = vi.fn();
    await renderPage(<NewScriptPage onDone={onDone} />);
    const bytes = Uint8Array.of(0xef, 0xbb, 0xbf, 0x61, 0x0d, 0x0a);
    const input = document.querySelector<HTMLInputElement>("input[type=file]");
    if (!input) throw new Error("no file input");
    await userEvent.upload(input, new File([bytes], "tidy.ps1"), { applyAccept: false });
    expect(await screen.findByText("tidy.ps1, 6 B, sent byte for byte")).toBeDefined();
    expect(screen.getByText("epo script push tidy.ps1 --name tidy")).toBeDefined();
    await userEvent.click(screen.getByRole("button", { name: "Store script" }));
    await expect.poll(() => onDone.mock.calls.length).toBe(1);
    expect(push.mock.calls[0]?.[0]).toMatchObject({ name: "tidy", content: btoa(String.fromCharCode(...bytes)) });
  });

  it("keeps what was typed when the server refuses", async () => {
    server.functions["push_script"] = () => refusal(400, "invalid_name", "the name has a slash");
    await renderPage(<NewScriptPage onDone={() => undefined} />);
    await userEvent.type(screen.getByRole("textbox", { name: /^Name/ }), "a/b");
    await userEvent.type(await screen.findByRole("textbox", { name: "Source" }), "dir");
    await userEvent.click(screen.getByRole("button", { name: "Store script" }));
    expect(await screen.findByText("the name has a slash")).toBeDefined();
    expect(screen.getByRole("textbox", { name: "Source" })).toHaveProperty("value", "dir");
  });

  it("is not for auditors", async () => {
    await as("auditor");
    await renderPage(<NewScriptPage onDone={() => undefined} />);
    expect(await screen.findByText("Not allowed")).toBeDefined();
  });
});
