import { useQuery } from "@tanstack/react-query";
import { screen } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";
import { db, read } from "@/lib/http";
import { session } from "@/lib/session";
import { FakeServer } from "@/testing/fakeServer";
import { renderPage } from "@/testing/render";
import { useListEvents } from "./useListEvents";

let server: FakeServer;
beforeEach(async () => {
  server = new FakeServer();
  server.install();
  await session.start();
  server.views["agents"] = [{ name: "first" }];
  server.views["scripts"] = [{ name: "script" }];
});

function List({ view, name }: { view: string; name: string[] }) {
  const query = useQuery({ queryKey: name, queryFn: () => read<{ name: string }[]>(db.from(view).select("*")), staleTime: Infinity });
  return <p>{query.data?.map((row) => row.name).join(" ")}</p>;
}

function Page({ poll }: { poll?: number }) {
  const state = useListEvents(true, poll);
  return (
    <>
      <b>{state}</b>
      <List view="agents" name={["agents", "list"]} />
      <List view="scripts" name={["scripts", "list"]} />
    </>
  );
}

const reads = (view: string): number => server.requests.filter((r) => r.path.startsWith(`/api/${view}`)).length;

describe("useListEvents", () => {
  it("reads the list again that a hint names, and no other", async () => {
    await renderPage(<Page />);
    expect(await screen.findByText("live")).toBeDefined();
    await screen.findByText("first");
    const before = reads("scripts");
    server.views["agents"]?.push({ name: "second" });
    server.hint("agent");
    expect(await screen.findByText("first second")).toBeDefined();
    expect(reads("scripts")).toBe(before);
  });

  it("looks at all lists again after a break, and takes the stream up by itself", async () => {
    await renderPage(<Page />);
    await screen.findByText("live");
    server.views["agents"]?.push({ name: "meanwhile" });
    server.breakStreams();
    expect(await screen.findByText("first meanwhile")).toBeDefined();
    await expect.poll(() => server.listeners(), { timeout: 5_000 }).toBe(1);
    server.views["scripts"]?.push({ name: "later" });
    server.hint("script");
    expect(await screen.findByText("script later")).toBeDefined();
  });

  it("polls where events are blocked, and says so", async () => {
    server.eventsBlocked = true;
    await renderPage(<Page poll={50} />);
    expect(await screen.findByText("polling")).toBeDefined();
    server.views["agents"]?.push({ name: "polled" });
    expect(await screen.findByText("first polled")).toBeDefined();
    server.eventsBlocked = false;
    expect(await screen.findByText("live")).toBeDefined();
  });
});
