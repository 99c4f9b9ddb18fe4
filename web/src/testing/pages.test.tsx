import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import { AgentsPage } from "@/features/agents/components/AgentsPage";
import { AuditPage } from "@/features/audit/components/AuditPage";
import { HomePage } from "@/features/home/components/HomePage";
import { RunListPage, statesOf } from "@/features/runs/components/RunListPage";
import { TargetsPage } from "@/features/targets/components/TargetsPage";
import { UsersPage } from "@/features/users/components/UsersPage";
import { session } from "@/lib/session";
import { FakeServer } from "./fakeServer";
import { renderPage } from "./render";
import { agent, auditEntry, run, target } from "./rows";

let server: FakeServer;
beforeEach(async () => {
  server = new FakeServer();
  server.install();
  Object.assign(server.views, { job_runs: [], agents: [], pools: [{ id: "p1", name: "default", description: null, created_at: agent.created_at }], targets: [], users: [], audit_log: [] });
  await session.start();
});

const as = async (...roles: string[]): Promise<void> => {
  server.user = { ...server.user, roles };
  await session.start();
};

describe("HomePage", () => {
  it("answers what runs, what failed, which agents are away", async () => {
    const now = new Date().toISOString();
    server.views["job_runs"] = [{ ...run, script_name: "busy" }, { ...run, id: "r2", script_name: "broken", state: "failed", created_at: now, finished_at: now, targets_failed: 1 }];
    server.views["agents"] = [{ ...agent }, { ...agent, id: "a2", name: "lost-agent", online: false }];
    await renderPage(<HomePage />);
    expect(within(await screen.findByRole("table", { name: "Running now" })).getByRole("link", { name: "busy" })).toBeDefined();
    expect(within(await screen.findByRole("table", { name: "Failed in the last day" })).getByRole("link", { name: "broken" })).toBeDefined();
    expect(within(await screen.findByRole("table", { name: "Agents away" })).getByText("lost-agent")).toBeDefined();
  });

  it("says what to do on a new server", async () => {
    await renderPage(<HomePage />);
    expect(await screen.findByText("Nothing runs")).toBeDefined();
    expect(await screen.findByText("Nothing failed")).toBeDefined();
    expect(await screen.findByText("No agent yet")).toBeDefined();
  });
});

describe("RunListPage", () => {
  it("filters by what the address says", async () => {
    server.views["job_runs"] = [{ ...run }, { ...run, id: "r2", state: "succeeded", script_name: "done" }];
    await renderPage(<RunListPage search={{ state: "open" }} onSearch={() => undefined} />);
    expect(await screen.findByRole("link", { name: "hello" })).toBeDefined();
    expect(screen.queryByRole("link", { name: "done" })).toBeNull();
    expect(screen.getByRole("combobox", { name: "State" })).toHaveProperty("value", "open");
  });

  it("shows nothing for a state that does not exist", () => {
    expect(statesOf("no-such-state")).toEqual([]);
    expect(statesOf(undefined)).toBeUndefined();
    expect(statesOf("failed")).toEqual(["failed"]);
  });
});

describe("AgentsPage", () => {
  it("shows states, and warns of a missing isolation", async () => {
    server.views["agents"] = [{ ...agent, isolation: "none" }, { ...agent, id: "a2", name: "gone", state: "revoked", online: false }];
    await renderPage(<AgentsPage />);
    expect(await screen.findByText("⚠ none")).toBeDefined();
    expect(screen.getByText("revoked")).toBeDefined();
    expect(screen.queryByRole("button", { name: "Enroll an agent" })).toBeNull();
    expect(screen.queryByRole("button", { name: /^Revoke agent/ })).toBeNull();
  });

  it("gives an administrator a token, and the command to type", async () => {
    await as("admin");
    server.functions["create_enrollment_token"] = () => ({ status: 200, body: { id: "t1", token: "epo_enroll_x", expires_at: agent.created_at } });
    await renderPage(<AgentsPage />);
    await userEvent.click(await screen.findByRole("button", { name: "Enroll an agent" }));
    await userEvent.click(await screen.findByRole("button", { name: "Make a token" }));
    expect(await screen.findByText("epo-agent enroll --server http://epo.test --token epo_enroll_x")).toBeDefined();
  });
});

describe("TargetsPage", () => {
  it("makes a target, and lists it", async () => {
    server.functions["create_target"] = (args) => {
      server.views["targets"] = [{ ...target, name: args["name"] }];
      return { status: 200, body: { id: "e1" } };
    };
    await renderPage(<TargetsPage search="" onSearch={() => undefined} />);
    await userEvent.click(await screen.findByRole("button", { name: "New target" }));
    await userEvent.type(await screen.findByRole("textbox", { name: /^Name/ }), "db-1");
    await userEvent.click(screen.getByRole("button", { name: "Create target" }));
    expect(await screen.findByRole("cell", { name: "db-1" })).toBeDefined();
  });
});

describe("UsersPage", () => {
  it("shows who is there and what roles mean", async () => {
    server.views["users"] = [{ id: "u1", name: "olga", display_name: "Olga", disabled: false, roles: ["operator"], created_at: agent.created_at, last_sign_in_at: null }];
    await renderPage(<UsersPage />);
    expect(await screen.findByRole("cell", { name: "olga" })).toBeDefined();
    expect(screen.getByRole("table", { name: "Roles" })).toBeDefined();
  });
});

describe("AuditPage", () => {
  it("shows before and after as a difference", async () => {
    await as("auditor");
    server.views["audit_log"] = [{ ...auditEntry }];
    server.views["users"] = [{ id: "u1", name: "olga" }];
    await renderPage(<AuditPage filter={{}} onFilter={() => undefined} />);
    await userEvent.click(await screen.findByText("1 field"));
    expect(screen.getByRole("table", { name: "Changed fields" }).textContent).toBe("statequeued → running");
    expect(await screen.findByText("olga (user)")).toBeDefined();
  });

  it("is refused to operators, and asks the server nothing", async () => {
    await renderPage(<AuditPage filter={{}} onFilter={() => undefined} />);
    expect(await screen.findByText("Not allowed")).toBeDefined();
    expect(server.requests.some((r) => r.path.startsWith("/api/audit_log"))).toBe(false);
  });
});
