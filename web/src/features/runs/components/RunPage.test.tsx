import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { session } from "@/lib/session";
import { FakeServer, refusal } from "@/testing/fakeServer";
import { renderPage } from "@/testing/render";
import { attempt, harmful, harmless, log, run, runTarget } from "@/testing/rows";
import { RunPage, type RunView } from "./RunPage";

let server: FakeServer;
beforeEach(async () => {
  server = new FakeServer();
  server.install();
  await session.start();
});

const records = [
  { stream: "output", text: "first line" },
  { stream: "object", object: { type: "System.String", string: "first line", value: "first line" } },
  { stream: "error", text: "it hurts\nat line 2\nat line 3" },
  { stream: "output", text: `${harmful} \u001b[31mred\u001b[0m` },
];

function store(lines = records): void {
  server.views["job_runs"] = [{ ...run }];
  server.views["job_run_targets"] = [{ ...runTarget }];
  server.views["attempts"] = [{ ...attempt, next_seq: lines.length + 1 }];
  server.views["job_run_logs"] = [log(1, lines)];
}

function Shown({ view: initial = {} }: { view?: RunView }) {
  const [view, setView] = useState<RunView>(initial);
  return <RunPage runId="r1" view={view} onView={setView} linkTo={(next) => `/runs/r1?line=${next.line}`} />;
}

describe("RunPage", () => {
  it("shows the lines of the log, and not the objects between them", async () => {
    store();
    await renderPage(<Shown />);
    const lines = await screen.findByRole("region", { name: "Log" });
    expect(await within(lines).findByText("first line")).toBeDefined();
    expect(within(lines).getByRole("link", { name: "Line 1" }).getAttribute("href")).toBe("/runs/r1?line=1");
    expect(within(lines).queryByRole("link", { name: "Line 2" })).toBeNull();
    expect(screen.getByText("3 of 4 records")).toBeDefined();
  });

  it("shows foreign text safely", async () => {
    store();
    const { container } = await renderPage(<Shown />);
    const lines = await screen.findByRole("region", { name: "Log" });
    await within(lines).findByText("red");
    expect(lines.textContent).toContain(harmless);
    expect(container.querySelector("img")).toBeNull();
    expect(lines.textContent).not.toMatch(/[\u0000\u001b\u202e]/);
  });

  it("shows a parameter with all its digits, safely", async () => {
    store();
    server.views["job_runs"] = [{ ...run, parameters: `{"Big":12345678901234567890,"Name":${JSON.stringify(harmful)}}` }];
    await renderPage(<Shown />);
    expect(await screen.findByText("Big = 12345678901234567890")).toBeDefined();
    expect(screen.getByText(/^Name = "a<img src=x/).textContent).not.toMatch(/[\u0000\u202e]/);
  });

  it("opens a line that has more than its row shows", async () => {
    store();
    await renderPage(<Shown />);
    await userEvent.click(await screen.findByRole("button", { name: "Open line 3: 2 more lines" }));
    expect(within(await screen.findByRole("region", { name: "Text of line 3" })).getByText("at line 3")).toBeDefined();
  });

  it("adds what comes, as hints tell, and takes the stream up again after a break", async () => {
    store();
    await renderPage(<Shown />);
    expect(await screen.findByText("● live")).toBeDefined();
    server.views["job_run_logs"]?.push(log(5, [{ stream: "output", text: "a new line" }]));
    server.views["attempts"] = [{ ...attempt, next_seq: 6 }];
    server.wake();
    expect(await screen.findByText("a new line")).toBeDefined();
    server.breakStreams();
    server.views["job_run_logs"]?.push(log(6, [{ stream: "output", text: "after the break" }]));
    server.views["attempts"] = [{ ...attempt, next_seq: 7 }];
    expect(await screen.findByText("after the break", undefined, { timeout: 4000 })).toBeDefined();
  });

  it("lets the stream go when the run has ended", async () => {
    store();
    await renderPage(<Shown />);
    await screen.findByText("● live");
    server.views["job_runs"] = [{ ...run, state: "succeeded", finished_at: "2026-01-02T00:01:00Z" }];
    server.wake();
    expect(await screen.findByText("succeeded")).toBeDefined();
    await expect.poll(() => server.listeners()).toBe(0);
  });

  it("cancels after a question, and tells when somebody was faster", async () => {
    store();
    server.functions["cancel_run"] = () => refusal(409, "run_finished", "the run has ended");
    await renderPage(<Shown />);
    await userEvent.click(await screen.findByRole("button", { name: "Cancel run" }));
    const dialog = await screen.findByRole("dialog", { name: "Cancel this run?" });
    expect(within(dialog).getByText("epo run cancel r1")).toBeDefined();
    await userEvent.click(within(dialog).getByRole("button", { name: "Cancel the run" }));
    expect(await within(dialog).findByText("It ended meanwhile.")).toBeDefined();
  });

  it("has no buttons for a role that may not use them", async () => {
    store();
    server.user = { ...server.user, roles: ["auditor"] };
    await session.start();
    await renderPage(<Shown />);
    await screen.findByRole("region", { name: "Log" });
    expect(screen.queryByRole("button", { name: "Cancel run" })).toBeNull();
    expect(screen.queryByRole("link", { name: "Run again…" })).toBeNull();
  });

  it("says that a run of somebody else does not exist", async () => {
    store();
    server.views["job_runs"] = [];
    await renderPage(<Shown />);
    expect(await screen.findByText("Not found")).toBeDefined();
  });

  it("finds text, and looks at the whole log for it", async () => {
    store();
    await renderPage(<Shown />);
    await userEvent.type(await screen.findByRole("searchbox", { name: "Find in the log" }), "HURTS");
    expect(await screen.findByText("1 of 1 hit")).toBeDefined();
    expect(screen.getByText("3 of 4 records")).toBeDefined();
    await userEvent.click(screen.getByRole("checkbox", { name: "Only hits" }));
    expect(await screen.findByText("1 of 4 records")).toBeDefined();
    expect(await screen.findByRole("link", { name: "Line 3" })).toBeDefined();
    expect(screen.queryByRole("link", { name: "Line 1" })).toBeNull();
  });

  it("walks through the hits with the keyboard, round and round, and forgets them on Escape", async () => {
    store([..."ABA"].map((letter) => ({ stream: "output", text: `line ${letter}` })));
    await renderPage(<Shown />);
    const box = await screen.findByRole("searchbox", { name: "Find in the log" });
    await userEvent.type(box, "line a");
    expect(await screen.findByText("1 of 2 hits")).toBeDefined();
    await userEvent.type(box, "{Enter}");
    expect(screen.getByText("2 of 2 hits")).toBeDefined();
    await userEvent.type(box, "{Enter}");
    expect(screen.getByText("1 of 2 hits")).toBeDefined();
    await userEvent.type(box, "{Shift>}{Enter}{/Shift}");
    expect(screen.getByText("2 of 2 hits")).toBeDefined();
    await userEvent.click(screen.getByRole("button", { name: "Previous hit" }));
    expect(screen.getByText("1 of 2 hits")).toBeDefined();
    await userEvent.type(box, "{Escape}");
    expect(screen.queryByText(/ hits?$/)).toBeNull();
    await userEvent.type(box, "nowhere");
    expect(await screen.findByText("no hits")).toBeDefined();
  });

  it("shows how far a search has come, and can stop it", async () => {
    store();
    const calls: unknown[] = [];
    server.functions["search_log"] = (args) => {
      calls.push(args["after_seq"]);
      return { status: 200, body: args["query"] === "" ? { hits: [1], next_after: 4, complete: true } : { hits: calls.length > 4 ? [] : [3], next_after: 3, complete: false } };
    };
    await renderPage(<Shown />);
    await userEvent.type(await screen.findByRole("searchbox", { name: "Find in the log" }), "x");
    expect(await screen.findByText(/^1 of 1 hit so far, 75 %$/)).toBeDefined();
    expect(screen.getByRole("progressbar", { name: "Searched" })).toBeDefined();
    await userEvent.click(screen.getByRole("button", { name: "Stop" }));
    expect(await screen.findByText("1 of 1 hit up to 75 %")).toBeDefined();
    expect(screen.getByRole("button", { name: "Go on" })).toBeDefined();
  });

  it("has the server write the log as a file, with the token in a header", async () => {
    store();
    const saved = vi.spyOn(URL, "createObjectURL").mockReturnValue("blob:x");
    vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => undefined);
    await renderPage(<Shown />);
    await userEvent.click(await screen.findByRole("button", { name: "Download" }));
    await userEvent.click(await screen.findByRole("menuitem", { name: "All records as NDJSON" }));
    await expect.poll(() => saved.mock.calls.length).toBe(1);
    expect(server.requests.map((r) => r.path)).toContain("/log?run=r1&attempt=at1&format=ndjson");
  });

  it("shows objects in columns and as JSON", async () => {
    const object = { type: "PSCustomObject", string: "@{Name=one}", properties: { Name: { type: "System.String", string: "one", value: "one" }, Size: { type: "System.Int32", string: "1", value: 1 } } };
    store([{ stream: "object", object } as never]);
    await renderPage(<Shown view={{ tab: "objects" }} />);
    expect(await screen.findByRole("columnheader", { name: "Name" })).toBeDefined();
    expect(screen.getByRole("cell", { name: "one" })).toBeDefined();
    await userEvent.click(screen.getByRole("radio", { name: "JSON" }));
    expect(screen.getByRole("region", { name: "Objects as JSON" }).textContent).toContain('"Size": 1');
  });
});
