import { beforeEach, describe, expect, it } from "vitest";
import { FakeServer, refusal } from "@/testing/fakeServer";
import { ApiError } from "./errors";
import { Session } from "./session";

let server: FakeServer;
let session: Session;
beforeEach(() => {
  server = new FakeServer();
  server.install();
  session = new Session();
});

describe("Session", () => {
  it("starts from the cookie", async () => {
    await session.start();
    expect(session.current()).toMatchObject({ phase: "signed-in", user: { name: "olga" } });
  });

  it("is signed out without one, and says so when the server cannot be asked", async () => {
    server.cookie = false;
    await session.start();
    expect(session.current().phase).toBe("signed-out");
    server.down = true;
    const other = new Session();
    await other.start();
    expect(other.current().phase).toBe("unreachable");
  });

  it("asks once for all who wait for a token", async () => {
    await Promise.all([session.accessToken(), session.accessToken(), session.accessToken()]);
    expect(server.requests.filter((r) => r.path === "/auth/refresh")).toHaveLength(1);
  });

  it("renews a token shortly before its end", async () => {
    server.expiresIn = 60;
    const first = await session.accessToken();
    expect(await session.accessToken()).toBe(first);
    session.rejected(first);
    expect(await session.accessToken()).not.toBe(first);
  });

  it("lets calls wait when the session has ended, until there is a new sign-in", async () => {
    await session.start();
    server.cookie = false;
    session.rejected(await session.accessToken());
    const waiting = session.accessToken();
    await expect.poll(() => session.current().phase).toBe("expired");
    await expect(session.signIn({ user: "olga", password: "wrong" })).rejects.toThrow(ApiError);
    await session.signIn({ user: "olga", password: server.password });
    expect(await waiting).toMatch(/^token-/);
  });

  it("lets go of a call whose page was left", async () => {
    await session.start();
    server.cookie = false;
    session.rejected(await session.accessToken());
    const page = new AbortController();
    const waiting = session.accessToken(page.signal);
    await expect.poll(() => session.current().phase).toBe("expired");
    page.abort();
    await expect(waiting).rejects.toThrow("given up");
  });

  it("does not end when the server has a bad moment", async () => {
    await session.start();
    session.rejected(await session.accessToken());
    server.down = true;
    await expect(session.accessToken()).rejects.toMatchObject({ code: "server_unreachable" });
    expect(session.current().phase).toBe("signed-in");
    server.down = false;
    expect(await session.accessToken()).toMatch(/^token-/);
  });

  it("never keeps a token where another script could read it", async () => {
    await session.signIn({ user: "olga", password: server.password });
    const token = await session.accessToken();
    const stored = JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href]);
    expect(stored).not.toContain(token);
  });

  it("ends here even when the server cannot be told", async () => {
    await session.start();
    server.down = true;
    await session.signOut();
    expect(session.current().phase).toBe("signed-out");
    await expect(session.accessToken()).rejects.toMatchObject(new ApiError(401, "not_signed_in", "You are not signed in."));
  });
});

describe("refusals", () => {
  it("have the code that the server gave", async () => {
    server.functions["x"] = () => refusal(409, "run_finished", "it ended");
    await expect(session.signIn({ user: "olga", password: "no" })).rejects.toMatchObject({ code: "sign_in_failed", status: 401 });
  });
});
