import { Button, Skeleton } from "@mantine/core";
import type { ReactNode } from "react";
import { ApiError, isNotAllowed, isNotFound, isUnreachable } from "@/lib/errors";
import { SafeText } from "./SafeText";
import css from "./States.module.css";

/** Loading stands where something will be. */
export function Loading({ rows = 3, label = "Loading" }: { rows?: number; label?: string }) {
  return (
    <div className={css["bars"]} role="status" aria-label={label}>
      {Array.from({ length: rows }, (_, i) => (
        <Skeleton key={i} height={16} radius="sm" width={`${90 - ((i * 17) % 40)}%`} />
      ))}
    </div>
  );
}

/** Empty says that there is nothing, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className={css["state"]}>
      <p className={css["title"]}>{title}</p>
      {children && <div className="epo-quiet">{children}</div>}
    </div>
  );
}

/** NotAllowed says that the user's roles do not reach. */
export function NotAllowed({ what }: { what?: string | undefined }) {
  return (
    <div className={css["state"]} role="alert">
      <p className={css["title"]}>Not allowed</p>
      <div className="epo-quiet">{what ?? "Your roles do not include this. An administrator of your tenant can give you one that does."}</div>
    </div>
  );
}

/** Failure shows an error where the data would have been. */
export function Failure({ error, retry }: { error: unknown; retry?: (() => void) | undefined }) {
  if (isNotAllowed(error)) return <NotAllowed />;
  if (isNotFound(error)) return <Empty title="Not found">It does not exist, or it belongs to somebody else.</Empty>;
  return (
    <div className={css["state"]} role="alert">
      <p className={css["title"]}>{isUnreachable(error) ? "The server does not answer" : "This could not be loaded"}</p>
      <ErrorText error={error} />
      {retry && (
        <Button size="xs" variant="default" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** ErrorText is an error in words: message, hint, and the stable code to search for. */
export function ErrorText({ error }: { error: unknown }) {
  const message = error instanceof Error ? error.message : String(error);
  return (
    <div>
      <SafeText>{message}</SafeText>
      {error instanceof ApiError && (
        <>
          {error.hint && (
            <div>
              <SafeText>{error.hint}</SafeText>
            </div>
          )}
          <div className={css["details"]}>
            {error.code}
            {error.details && (
              <>
                {" · "}
                <SafeText>{error.details}</SafeText>
              </>
            )}
          </div>
        </>
      )}
    </div>
  );
}
