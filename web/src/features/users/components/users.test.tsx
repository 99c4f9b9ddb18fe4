import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { UserMenu } from "@/app/UserMenu";
import { session } from "@/lib/session";
import { FakeServer, refusal } from "@/testing/fakeServer";
import { renderPage } from "@/testing/render";
import { harmful, harmless } from "@/testing/rows";
import { UsersPage } from "./UsersPage";

const at = "2026-01-01T00:00:00Z";
const person = (id: string, name: string, roles: string[], more = {}) => ({ id, name, display_name: null, disabled: false, roles, created_at: at, last_sign_in_at: null, ...more });

let server: FakeServer;
beforeEach(async () => {
  server = new FakeServer();
  server.install();
  server.views["users"] = [person("u1", "olga", ["admin"]), person("u2", harmful, ["operator"]), person("u3", "gone", ["auditor"], { disabled: true })];
  server.user = { ...server.user, roles: ["admin"] };
  await session.start();
});

describe("UsersPage", () => {
  it("makes a user, and shows the password once", async () => {
    const create = vi.fn(() => ({ status: 201, body: { id: "u9", name: "ann", password: "vuxa-rimo-4711-kelt" } }));
    server.functions["/auth/users"] = create;
    await renderPage(<UsersPage />);
    await userEvent.click(await screen.findByRole("button", { name: "New user" }));
    await userEvent.type(screen.getByRole("textbox", { name: /^User name/ }), "ann");
    await userEvent.type(screen.getByRole("textbox", { name: "Display name" }), "Ann B.");
    await userEvent.click(screen.getByRole("checkbox", { name: "auditor" }));
    expect(screen.getByText("epo user create ann --display-name 'Ann B.' --role operator --role auditor")).toBeDefined();
    await userEvent.click(screen.getByRole("button", { name: "Create user" }));
    expect(await screen.findByText("vuxa-rimo-4711-kelt")).toBeDefined();
    expect(create).toHaveBeenCalledWith({ name: "ann", display_name: "Ann B.", roles: ["operator", "auditor"] });
    expect(screen.getByRole("button", { name: "Copy: Password" })).toBeDefined();
    await userEvent.click(screen.getByRole("button", { name: "Another user" }));
    expect(screen.queryByText("vuxa-rimo-4711-kelt")).toBeNull();
  });

  it("keeps what was typed when the server refuses, and needs a role", async () => {
    server.functions["/auth/users"] = () => refusal(409, "conflict", "the name is taken");
    await renderPage(<UsersPage />);
    await userEvent.click(await screen.findByRole("button", { name: "New user" }));
    await userEvent.type(screen.getByRole("textbox", { name: /^User name/ }), "olga");
    await userEvent.click(screen.getByRole("button", { name: "Create user" }));
    expect(await screen.findByText("the name is taken")).toBeDefined();
    expect(screen.getByRole("textbox", { name: /^User name/ })).toHaveProperty("value", "olga");
    await userEvent.click(screen.getByRole("checkbox", { name: "operator" }));
    expect(screen.getByText("A user needs a role.")).toBeDefined();
    expect(screen.getByRole("button", { name: "Create user" })).toHaveProperty("disabled", true);
  });

  it("sets roles, and names are shown safely", async () => {
    const set = vi.fn(() => ({ status: 200, body: {} }));
    server.functions["set_user_roles"] = set;
    const { container } = await renderPage(<UsersPage />);
    await userEvent.click(await screen.findByRole("button", { name: `Roles of ${harmless}` }));
    const dialog = await screen.findByRole("dialog");
    await userEvent.click(within(dialog).getByRole("checkbox", { name: "auditor" }));
    await userEvent.click(within(dialog).getByRole("button", { name: "Set roles" }));
    await expect.poll(() => set.mock.calls.length).toBe(1);
    expect(set).toHaveBeenCalledWith({ user_id: "u2", roles: ["operator", "auditor"] });
    await expect.poll(() => screen.queryByRole("dialog")).toBeNull();
    expect(container.querySelector("td img")).toBeNull();
  });

  it("tells what it means that this is the last administrator", async () => {
    server.functions["disable_user"] = () => refusal(409, "conflict", "the tenant would have no administrator left");
    await renderPage(<UsersPage />);
    await userEvent.click(await screen.findByRole("button", { name: "Disable olga" }));
    const dialog = await screen.findByRole("dialog", { name: "Disable this user?" });
    expect(within(dialog).getByText("This is you.")).toBeDefined();
    expect(within(dialog).getByText("epo user disable olga")).toBeDefined();
    await userEvent.click(within(dialog).getByRole("button", { name: "Disable the user" }));
    expect(await within(dialog).findByText("This is the last administrator")).toBeDefined();
    expect(within(dialog).getByText(/Make somebody else an administrator first/)).toBeDefined();
  });

  it("enables again, and resets a password, but not one's own", async () => {
    const enable = vi.fn(() => ({ status: 200, body: {} }));
    server.functions["disable_user"] = enable;
    server.functions["/auth/users/u3/password"] = () => ({ status: 200, body: { password: "new-one" } });
    await renderPage(<UsersPage />);
    await userEvent.click(await screen.findByRole("button", { name: "Enable gone" }));
    await userEvent.click(await screen.findByRole("button", { name: "Enable the user" }));
    await expect.poll(() => enable.mock.calls.length).toBe(1);
    expect(enable).toHaveBeenCalledWith({ user_id: "u3", disabled: false });
    await userEvent.click(await screen.findByRole("button", { name: "Reset password of gone" }));
    await userEvent.click(await screen.findByRole("button", { name: "Reset the password" }));
    expect(await screen.findByText("new-one")).toBeDefined();
    expect(screen.queryByRole("button", { name: "Reset password of olga" })).toBeNull();
  });

  it("has no buttons for others, and says whose work it is", async () => {
    server.user = { ...server.user, roles: ["operator", "auditor"] };
    await session.start();
    await renderPage(<UsersPage />);
    await screen.findByRole("cell", { name: "olga" });
    expect(screen.queryByRole("button", { name: /New user|Roles of|Disable|Reset/ })).toBeNull();
    expect(screen.getByText(/Administrators make users/)).toBeDefined();
  });
});

describe("one's own password", () => {
  async function open() {
    await renderPage(<UserMenu />);
    await userEvent.click(await screen.findByRole("button", { name: /User menu/ }));
    await userEvent.click(await screen.findByRole("menuitem", { name: "Change password…" }));
    const dialog = await screen.findByRole("dialog", { name: "Change your password" });
    return { dialog, field: (name: RegExp) => within(dialog).getByLabelText(name, { selector: "input" }), send: () => userEvent.click(within(dialog).getByRole("button", { name: "Change password" })) };
  }

  it("is changed in the user menu, and not before the new one stands there twice", async () => {
    const change = vi.fn(() => ({ status: 204 }));
    server.functions["/auth/password"] = change;
    const { dialog, field, send } = await open();
    await userEvent.type(field(/^Present password/), "old secret");
    await userEvent.type(field(/^New password( \*)?$/), "a much newer one");
    await userEvent.type(field(/^New password again/), "a much newer");
    expect(within(dialog).getByText("The two are not the same.")).toBeDefined();
    expect(within(dialog).getByRole("button", { name: "Change password" })).toHaveProperty("disabled", true);
    await userEvent.type(field(/^New password again/), " one");
    await send();
    expect(await within(dialog).findByText(/The password is changed/)).toBeDefined();
    expect(change).toHaveBeenCalledWith({ current: "old secret", new: "a much newer one" });
  });

  it.each([
    ["password_wrong", 403, "no", /^Present password/, "This is not your present password."],
    ["password_weak", 400, "at least 12 characters", /^New password( \*)?$/, "at least 12 characters"],
  ])("is refused at the field: %s", async (code, status, message, name, words) => {
    server.functions["/auth/password"] = () => refusal(status, code, message);
    const { dialog, field, send } = await open();
    for (const label of [/^Present password/, /^New password( \*)?$/, /^New password again/]) await userEvent.type(field(label), "x");
    await send();
    expect(await within(dialog).findByText(words)).toBeDefined();
    expect(field(name).getAttribute("aria-invalid")).toBe("true");
  });
});
