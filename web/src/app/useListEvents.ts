import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { follow, type LiveState } from "@/lib/events";

// What to look at again when a kind of list has changed, by the first words of the keys of queries.
const keys: Record<string, readonly (readonly string[])[]> = {
  run: [["runs", "list"], ["runs", "home"]],
  agent: [["agents"]],
  script: [["scripts"]],
  inspection: [["inspections"], ["scripts"], ["targets"]],
  target: [["targets"]],
  pool: [["pools"], ["targets", "places"]],
  user: [["users"]],
};

/** Milliseconds between two looks where live updates do not get through. */
export const pollEvery = 5_000;

/**
 * useListEvents keeps lists fresh: hints of the server say which of them to read again. A hidden tab lets go of its stream, since a
 * browser opens six connections to a server at most, and looks again when it is seen.
 */
export function useListEvents(enabled: boolean, poll = pollEvery): LiveState {
  const client = useQueryClient();
  const [state, setState] = useState<LiveState>("connecting");
  useEffect(() => {
    if (!enabled) return;
    let stop: AbortController | undefined;
    const look = (kind: string): void => {
      const queries = kind === "all" ? Object.values(keys).flat() : (keys[kind] ?? []);
      for (const queryKey of queries) void client.invalidateQueries({ queryKey });
    };
    const start = (): void => {
      stop?.abort();
      if (document.visibilityState === "hidden") return;
      stop = new AbortController();
      void follow(undefined, { signal: stop.signal, onState: setState, onWake: look, poll });
    };
    start();
    document.addEventListener("visibilitychange", start);
    return () => {
      document.removeEventListener("visibilitychange", start);
      stop?.abort();
    };
  }, [client, enabled, poll]);
  return state;
}
