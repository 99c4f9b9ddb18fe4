import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { session } from "@/lib/session";
import { FakeServer, refusal } from "@/testing/fakeServer";
import { renderPage } from "@/testing/render";
import { agent, harmful, harmless, target } from "@/testing/rows";
import { identityFile, optionWords, textsOf, valuesOf } from "../api/targetOptions";
import { TargetPage } from "./TargetPage";
import { TargetsPage } from "./TargetsPage";

let server: FakeServer;
beforeEach(async () => {
  server = new FakeServer();
  server.install();
  Object.assign(server.views, { targets: [], agents: [{ ...agent }], pools: [{ id: "p1", name: "default", description: null, created_at: agent.created_at }], target_inspections: [] });
  await session.start();
});

const as = async (...roles: string[]): Promise<void> => {
  server.user = { ...server.user, roles };
  await session.start();
};

async function openForm(kind: string) {
  await renderPage(<TargetsPage search="" onSearch={() => undefined} onMade={made} />);
  await userEvent.click(await screen.findByRole("button", { name: "New target" }));
  await userEvent.type(await screen.findByRole("textbox", { name: /^Name \*|^Name$/ }), "db-1");
  await userEvent.click(screen.getByRole("radio", { name: kind }));
}

const made = vi.fn();
const box = (name: RegExp | string) => screen.getByRole("textbox", { name });

describe("a new target", () => {
  it("of kind ssh has its options, and the command that does the same", async () => {
    const create = vi.fn(() => ({ status: 200, body: { id: "e9", name: "db-1" } }));
    server.functions["create_target"] = create;
    await openForm("ssh");
    await userEvent.type(box(/^Address/), "db-1.example.org");
    await userEvent.type(box("Port"), "2222");
    await userEvent.type(box(/^User/), "epo");
    await userEvent.type(box("Host keys"), "SHA256:abc{Enter}ssh-ed25519 AAAA");
    expect(screen.getByText("epo target create db-1 --kind ssh --pool default --address db-1.example.org --port 2222 --user epo --host-key SHA256:abc --host-key 'ssh-ed25519 AAAA'")).toBeDefined();
    await userEvent.click(screen.getByRole("button", { name: "Create target" }));
    await expect.poll(() => made.mock.calls.length).toBe(1);
    expect(made).toHaveBeenCalledWith("e9");
    expect(create).toHaveBeenCalledWith({ name: "db-1", kind: "ssh", pool_id: "p1", options: { address: "db-1.example.org", port: 2222, user: "epo", host_key: ["SHA256:abc", "ssh-ed25519 AAAA"] } });
  });

  it("says where the secret belongs, and asks for none", async () => {
    await openForm("winrm");
    await userEvent.type(box("Identity"), "svc");
    expect(screen.getByText(/the server never has one/)).toBeDefined();
    expect(screen.getByRole("region", { name: "identities.json of the agent" }).textContent).toContain('"svc": {');
    expect(screen.getByText("chmod 600 identities.json")).toBeDefined();
    expect(document.querySelector("input[type=password]")).toBeNull();
  });

  it("shows what the server refuses at the field, and keeps what was typed", async () => {
    server.functions["create_target"] = () => ({ status: 400, body: { code: "invalid_argument", message: "auth basic needs scheme https", details: "auth", hint: null } });
    await openForm("winrm");
    await userEvent.type(box(/^Address/), "dc-1");
    await userEvent.selectOptions(screen.getByRole("combobox", { name: "Scheme" }), "http");
    await userEvent.selectOptions(screen.getByRole("combobox", { name: "Sign-in" }), "basic");
    await userEvent.click(screen.getByRole("button", { name: "Create target" }));
    await expect.poll(() => screen.getByRole("combobox", { name: "Sign-in" }).getAttribute("aria-invalid")).toBe("true");
    expect(box(/^Address/)).toHaveProperty("value", "dc-1");
  });

  it("sends no option that its kind does not have", () => {
    expect(valuesOf("local", { address: "x", culture: "de-DE", ansi: "" })).toEqual({ culture: "de-DE" });
    expect(valuesOf("winrm", { host_key: "k", port: "x", ca: "PEM" })).toEqual({ port: "x", ca: "PEM\n" });
    expect(textsOf({ host_key: ["a", "b"], port: 22, user: "u" })).toEqual({ host_key: "a\nb", port: "22", user: "u" });
    expect(optionWords("winrm", { ca: "PEM", server_name: "dc" })).toEqual(["--ca", "ca.pem", "--server-name", "dc"]);
    expect(JSON.parse(identityFile("winrm", "dc", { auth: "certificate" }))).toEqual({ identities: { dc: { certificate_file: "client.pem", key_file: "client.key" } } });
  });
});

describe("TargetPage", () => {
  const remote = { ...target, name: harmful, kind: "ssh", options: { address: "db-1", port: 22, user: "epo", host_key: ["SHA256:abc"] } };
  const test = (state: string, more: Record<string, unknown> = {}) => ({ id: "i1", target_id: "e1", target_name: "x", state, ok: null, result: null, error: null, requested_by: "u1", requested_at: "2026-01-02T00:00:00Z", finished_at: null, ...more });
  const show = async (onDeleted = vi.fn()) => {
    server.views["targets"] = [remote];
    return renderPage(<TargetPage targetId="e1" onDeleted={onDeleted} />);
  };

  it("tests the connection, and shows the steps as they come", async () => {
    server.functions["inspect_target"] = () => {
      server.views["target_inspections"] = [test("pending")];
      return { status: 200, body: { inspection_id: "i1", state: "pending" } };
    };
    const { container } = await show();
    expect(await screen.findByText("Not tested yet")).toBeDefined();
    await userEvent.click(screen.getByRole("button", { name: "Test connection" }));
    expect(await screen.findByText(/Waiting for an agent that serves this target/)).toBeDefined();
    const checks = [
      { name: "port", state: "ok", detail: "open", advice: "" },
      { name: "host_key", state: "failed", detail: harmful, advice: "put the key into host_key" },
      { name: "session", state: "skipped", detail: "not reached", advice: "" },
    ];
    server.views["target_inspections"] = [test("done", { ok: false, result: { ok: false, checks, cause: "the host shows another key" }, finished_at: "2026-01-02T00:00:01Z" })];
    const table = await screen.findByRole("table", { name: "Steps of the test" });
    expect(within(table).getAllByRole("row").map((row) => row.textContent)).toContain(`host key✕failed${harmless}put the key into host_key`);
    expect(screen.getByText("It cannot be used yet")).toBeDefined();
    expect(container.querySelector("img")).toBeNull();
  });

  it.each([
    [{ state: "done", ok: true, result: { ok: true, checks: [], edition: "Core", version: "7.6.9" } }, "It can be reached"],
    [{ state: "failed", error: { code: "lost", message: "the agent went away" } }, "The test itself failed"],
    [{ state: "expired" }, /No agent took the test in time/],
    [{ state: "done", ok: false, result: { checks: "nonsense", cause: 7 } }, "It cannot be used yet"],
  ])("says how the last test ended: %o", async ({ state, ...more }, words) => {
    server.views["target_inspections"] = [test(state, more)];
    await show();
    expect(await screen.findByText(words)).toBeDefined();
  });

  it("changes options, all at once", async () => {
    const update = vi.fn(() => ({ status: 200, body: { id: "e1" } }));
    server.functions["update_target"] = update;
    await show();
    const address = await screen.findByRole("textbox", { name: /^Address/ });
    await userEvent.clear(address);
    await userEvent.type(address, "db-2");
    await userEvent.click(screen.getByRole("button", { name: "Save options" }));
    await expect.poll(() => update.mock.calls.length).toBe(1);
    expect(update).toHaveBeenCalledWith({ target_id: "e1", options: { address: "db-2", port: 22, user: "epo", host_key: ["SHA256:abc"] } });
  });

  it("is disabled, and deleted only where history does not name it", async () => {
    const update = vi.fn(() => ({ status: 200, body: { id: "e1" } }));
    server.functions["update_target"] = update;
    server.functions["delete_target"] = () => refusal(409, "target_in_use", "runs are about this target");
    const onDeleted = vi.fn();
    await show(onDeleted);
    await userEvent.click(await screen.findByRole("button", { name: "Disable" }));
    await expect.poll(() => update.mock.calls.length).toBe(1);
    expect(update).toHaveBeenCalledWith({ target_id: "e1", disabled: true });
    await userEvent.click(screen.getByRole("button", { name: "Delete…" }));
    await userEvent.click(await screen.findByRole("button", { name: "Delete the target" }));
    expect(await screen.findByText(/History names this target/)).toBeDefined();
    server.functions["delete_target"] = () => ({ status: 200, body: { id: "e1" } });
    await userEvent.click(screen.getByRole("button", { name: "Delete the target" }));
    await expect.poll(() => onDeleted.mock.calls.length).toBe(1);
  });

  it("is for looking only, for auditors", async () => {
    await as("auditor");
    await show();
    await screen.findByText("Not tested yet");
    expect(screen.queryByRole("button", { name: /Test connection|Disable|Delete|Save/ })).toBeNull();
  });

  it("says that a target of somebody else does not exist", async () => {
    await renderPage(<TargetPage targetId="other" onDeleted={() => undefined} />);
    expect(await screen.findByText("Not found")).toBeDefined();
  });
});
