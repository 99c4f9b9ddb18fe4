import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { follow as followEvents, type LiveState } from "@/lib/events";

// Hints come faster than a page can be drawn: they are merged.
const calm = 150;

/**
 * useRunEvents keeps what is shown of a run fresh while `open`. A hidden tab lets go of its stream, since a browser opens six
 * connections to a server at most, and looks again when it is seen.
 */
export function useRunEvents(runId: string, open: boolean): LiveState {
  const client = useQueryClient();
  const [state, setState] = useState<LiveState>("connecting");
  useEffect(() => {
    if (!open) return;
    let stop: AbortController | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let looking = false;
    let again = false;
    const look = async (): Promise<void> => {
      timer = undefined;
      again = looking; // an answer under way may be older than this hint
      if (looking) return;
      looking = true;
      await Promise.all(["one", "targets", "attempts"].map((kind) => client.invalidateQueries({ queryKey: ["runs", kind, runId] })));
      looking = false;
      if (again) wake();
    };
    const wake = (): void => {
      timer ??= setTimeout(() => void look(), calm);
    };
    const follow = (): void => {
      stop?.abort();
      if (document.visibilityState === "hidden") return;
      stop = new AbortController();
      void followEvents(runId, { signal: stop.signal, onState: setState, onWake: wake });
    };
    follow();
    document.addEventListener("visibilitychange", follow);
    return () => {
      document.removeEventListener("visibilitychange", follow);
      stop?.abort();
      clearTimeout(timer);
      void look(); // the last state, once
    };
  }, [client, runId, open]);
  return state;
}
