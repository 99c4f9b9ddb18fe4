import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { session } from "@/lib/session";
import { FakeServer, refusal } from "@/testing/fakeServer";
import { renderPage } from "@/testing/render";
import { run, runTarget, script, target } from "@/testing/rows";
import { RunFormPage } from "./RunFormPage";

let server: FakeServer;
const onQueued = vi.fn();
beforeEach(async () => {
  server = new FakeServer();
  server.install();
  server.views["scripts"] = [{ ...script }];
  server.views["targets"] = [{ ...target }, { ...target, id: "e2", name: "web-2" }];
  server.views["job_runs"] = [];
  server.views["script_inspections"] = [];
  onQueued.mockReset();
  await session.start();
});

const form = (like?: string) => renderPage(<RunFormPage scriptId="s1" like={like} onQueued={onQueued} />);
const parameters = () => screen.findByRole("textbox", { name: "Parameters" });

describe("RunFormPage", () => {
  it("sends targets and parameters, and shows the command that does the same", async () => {
    const queue = vi.fn(() => ({ status: 200, body: { run_id: "r9", state: "queued", created: true } }));
    server.functions["queue_run"] = queue;
    await form();
    await userEvent.click(await screen.findByRole("checkbox", { name: /web-2/ }));
    await userEvent.clear(await parameters());
    await userEvent.paste('{"Name":"Ada"}');
    expect(screen.getByText(`epo run start --script hello --target web-2 --param Name=Ada`)).toBeDefined();
    await userEvent.click(screen.getByRole("button", { name: "Run" }));
    await expect.poll(() => onQueued.mock.calls.length).toBe(1);
    expect(queue).toHaveBeenCalledWith(expect.objectContaining({ script_id: "s1", target_ids: ["e2"], parameters: { Name: "Ada" } }));
  });

  it("repeats a request that failed with the same key, and takes a new one after a change", async () => {
    const keys: unknown[] = [];
    server.functions["queue_run"] = (args) => {
      keys.push(args["idempotency_key"]);
      return refusal(400, "invalid_argument", "no such parameter");
    };
    await form();
    await userEvent.click(await screen.findByRole("checkbox", { name: /web-1/ }));
    const button = screen.getByRole("button", { name: "Run" });
    await userEvent.click(button);
    expect(await screen.findByText("no such parameter")).toBeDefined();
    await userEvent.click(button);
    await expect.poll(() => keys.length).toBe(2);
    await userEvent.click(screen.getByRole("checkbox", { name: /web-2/ }));
    await userEvent.click(screen.getByRole("button", { name: "Run on 2 targets" }));
    await expect.poll(() => keys.length).toBe(3);
    expect(keys[0]).toBe(keys[1]);
    expect(keys[2]).not.toBe(keys[1]);
  });

  it("does not send what is no object, and says why", async () => {
    await form();
    await userEvent.click(await screen.findByRole("checkbox", { name: /web-1/ }));
    await userEvent.clear(await parameters());
    await userEvent.paste("[1]");
    expect(screen.getByText('Parameters are an object: {"Name": value}')).toBeDefined();
    expect(screen.getByRole("button", { name: "Run" })).toHaveProperty("disabled", true);
  });

  it("takes over the targets and parameters of an earlier run", async () => {
    server.views["job_runs"] = [{ ...run, script_version: 1, requested_by: "u2" }];
    server.views["job_run_targets"] = [{ ...runTarget }];
    await form("r1");
    expect(await parameters()).toHaveProperty("value", '{\n  "Name": "world"\n}');
    expect(screen.getByRole("checkbox", { name: /web-1/ })).toHaveProperty("checked", true);
    expect(screen.getByText(/The earlier run had version 1/)).toBeDefined();
  });

  it("loses nothing when the session ends in the middle", async () => {
    server.functions["queue_run"] = () => ({ status: 200, body: { run_id: "r9", state: "queued", created: true } });
    await form();
    await userEvent.click(await screen.findByRole("checkbox", { name: /web-1/ }));
    await userEvent.clear(await parameters());
    await userEvent.paste('{"Name":"typed long ago"}');
    server.expireToken();
    server.cookie = false;
    await userEvent.click(screen.getByRole("button", { name: "Run" }));
    await expect.poll(() => session.current().phase).toBe("expired");
    expect(await parameters()).toHaveProperty("value", '{"Name":"typed long ago"}');
    await session.signIn({ user: "olga", password: server.password });
    await expect.poll(() => onQueued.mock.calls.length).toBe(1);
  });

  it("is not for auditors", async () => {
    server.user = { ...server.user, roles: ["auditor"] };
    await session.start();
    await form();
    expect(await screen.findByText("Not allowed")).toBeDefined();
    expect(screen.queryByRole("button", { name: "Run" })).toBeNull();
  });
});
