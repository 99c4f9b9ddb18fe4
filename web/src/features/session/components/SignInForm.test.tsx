import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import { session } from "@/lib/session";
import { FakeServer } from "@/testing/fakeServer";
import { renderPage } from "@/testing/render";
import { SignInAgain } from "./SignInAgain";
import { SignInPage } from "./SignInPage";

let server: FakeServer;
beforeEach(async () => {
  server = new FakeServer();
  server.install();
  server.cookie = false;
  await session.signOut();
});

describe("SignInPage", () => {
  it("tells a wrong password, keeps the name, and signs in by keyboard alone", async () => {
    await renderPage(<SignInPage />);
    await userEvent.type(screen.getByRole("textbox", { name: /User name/ }), "olga");
    await userEvent.tab();
    await userEvent.keyboard("wrong{Enter}");
    expect((await screen.findByRole("alert")).textContent).toContain("is wrong");
    expect(screen.getByRole("textbox", { name: /User name/ })).toHaveProperty("value", "olga");
    await userEvent.clear(screen.getByLabelText(/^Password/));
    await userEvent.type(screen.getByLabelText(/^Password/), `${server.password}{Enter}`);
    await expect.poll(() => session.current().phase).toBe("signed-in");
  });

  it("tells when the server does not answer", async () => {
    server.down = true;
    await renderPage(<SignInPage />);
    await userEvent.type(screen.getByRole("textbox", { name: /User name/ }), "olga");
    await userEvent.type(screen.getByLabelText(/^Password/), "x{Enter}");
    expect((await screen.findByRole("alert")).textContent).toContain("did not answer");
  });
});

describe("SignInAgain", () => {
  it("asks for the password of the same user only", async () => {
    await renderPage(<SignInAgain user={server.user} />);
    expect(await screen.findByRole("dialog", { name: "Your session has ended" })).toBeDefined();
    expect(screen.getByRole("textbox", { name: /User name/ })).toHaveProperty("readOnly", true);
    await userEvent.type(screen.getByLabelText(/^Password/), `${server.password}{Enter}`);
    await expect.poll(() => session.current().phase).toBe("signed-in");
  });
});
