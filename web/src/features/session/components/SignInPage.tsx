import { useEffect } from "react";
import { CommandLine } from "@/components/ui/CommandLine";
import { SignInForm } from "./SignInForm";
import css from "./SignInPage.module.css";

/** SignInPage is what a person without a session sees, at any address. */
export function SignInPage() {
  useEffect(() => {
    document.title = "Sign in · EPO";
  }, []);
  return (
    <main className={css["page"]}>
      <div className={css["card"]}>
        <div className={css["brand"]}>
          <img src="/favicon.svg" width={36} height={36} alt="" />
          <h1>Sign in to EPO</h1>
        </div>
        <SignInForm />
        <div style={{ marginTop: "1.4rem" }}>
          <CommandLine command={`epo login --server ${location.origin}`} />
        </div>
      </div>
    </main>
  );
}
