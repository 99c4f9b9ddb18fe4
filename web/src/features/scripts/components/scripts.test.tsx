import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { session } from "@/lib/session";
import { FakeServer, refusal } from "@/testing/fakeServer";
import { renderPage } from "@/testing/render";
import { harmful, harmless, script, version } from "@/testing/rows";
import { NewScriptPage } from "./PushScriptPage";
import { ScriptListPage } from "./ScriptListPage";
import { ScriptPage } from "./ScriptPage";

// The editor needs a layout engine; the browser suite looks at it.
vi.mock("@/components/ui/CodeMirrorView", () => ({
  default: ({ value, label, onChange }: { value: string; label: string; onChange?: (v: string) => void }) => <textarea aria-label={label} value={value} readOnly={!onChange} onChange={(e) => onChange?.(e.currentTarget.value)} />,
}));

let server: FakeServer;
beforeEach(async () => {
  server = new FakeServer();
  server.install();
  server.views["scripts"] = [{ ...script }, { ...script, id: "s2", name: harmful }];
  server.views["script_versions"] = [{ ...version }, { ...version, id: "v1", version: 1 }];
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
