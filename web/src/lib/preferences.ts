/** Choices of this browser that are no secret. They live in local storage and are the same in all tabs. */
import { useSyncExternalStore } from "react";
import type { Zone } from "@/lib/time";

const key = "epo.zone";
const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("storage", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("storage", listener);
  };
}

function zone(): Zone {
  return localStorage.getItem(key) === "utc" ? "utc" : "local";
}

export function setZone(next: Zone): void {
  localStorage.setItem(key, next);
  for (const listener of listeners) listener();
}

export function useZone(): Zone {
  return useSyncExternalStore(subscribe, zone);
}
