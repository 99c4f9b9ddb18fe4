import { useCallback, useEffect, useRef, useState } from "react";
import type { Index } from "./useLog";

export interface Find {
  /** Hits so far, and which of them is shown, from 0. */
  count: number;
  position: number | undefined;
  /** Sequence number of the hit that is shown. */
  seq: number | undefined;
  /** Part of the log that was looked at, 0 to 1; absent when all was. */
  progress: number | undefined;
  stopped: boolean;
  has: (seq: number) => boolean;
  next: () => void;
  previous: () => void;
  stop: () => void;
  resume: () => void;
}

/**
 * useFind walks through the hits of a search. `near` is the record to start from; `show` brings one into sight. The first hit of a
 * search that was just typed is shown by itself, which `quiet` forbids.
 */
export function useFind(index: Index | undefined, total: number, near: number, show: (seq: number) => void, quiet: boolean): Find | undefined {
  const value = index?.value;
  const [at, setAt] = useState<{ of: typeof value; position: number }>();
  const position = at && at.of === value ? at.position : undefined;
  const count = value?.count() ?? 0;
  const go = useCallback(
    (to: number) => {
      if (!value || value.count() === 0) return;
      const wrapped = (to + value.count()) % value.count();
      setAt({ of: value, position: wrapped });
      show(value.at(wrapped));
    },
    [value, show],
  );
  const known = useRef(value);
  useEffect(() => {
    if (count === 0 || known.current === value) return;
    known.current = value;
    if (!quiet && value) go(firstFrom(value.positionOf(near), value.count()));
    // The place from which it was searched, not each one that is looked at later.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [value, count > 0]);
  if (!value) return undefined;
  const looked = value.scanned();
  return {
    count,
    position,
    seq: position === undefined ? undefined : value.at(position),
    progress: looked < total ? looked / Math.max(total, 1) : undefined,
    stopped: value.stopped(),
    has: (seq) => value.has(seq),
    next: () => go(position === undefined ? firstFrom(value.positionOf(near), count) : position + 1),
    previous: () => go(position === undefined ? value.positionOf(near) - 1 : position - 1),
    stop: () => value.stop(),
    resume: () => void value.resume().catch(() => undefined), // the index tells about a failure
  };
}

const firstFrom = (position: number, count: number): number => (position < count ? position : 0);
