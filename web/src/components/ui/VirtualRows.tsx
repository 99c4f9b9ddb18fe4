import { useCallback, useEffect, useImperativeHandle, useLayoutEffect, useRef, useState, type KeyboardEvent, type ReactNode, type Ref } from "react";
import { geometry, scrollTopOf } from "@/lib/virtual";
import css from "./VirtualRows.module.css";

export interface VirtualHandle {
  /** Brings a row into sight, a third below the upper edge. */
  reveal: (row: number) => void;
}

interface Props {
  label: string;
  count: number;
  rowHeight: number;
  height: number | string;
  row: (index: number) => ReactNode;
  /** Told which rows are in sight, the last not included. */
  onRange: (first: number, last: number) => void;
  /** Stay at the end while rows are added. */
  follow: boolean;
  /** The user left the end, or came back to it. */
  onFollow: (follow: boolean) => void;
  ref?: Ref<VirtualHandle>;
}

/** VirtualRows draws the rows in sight of a list of any length. */
export function VirtualRows({ label, count, rowHeight, height, row, onRange, follow, onFollow, ref }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [view, setView] = useState(600);
  const shape = geometry(count, rowHeight, view, top);
  const { first, last, scale } = shape;
  const end = Math.max(0, shape.height - view);
  // Where this component put the scroll bar itself: the event that follows is not the user's.
  const placed = useRef(-1);

  const place = useCallback((to: number) => {
    if (!box.current) return;
    box.current.scrollTop = to;
    placed.current = box.current.scrollTop;
    setTop(box.current.scrollTop);
  }, []);

  useImperativeHandle(ref, () => ({ reveal: (target) => place(scrollTopOf(target, count, rowHeight, view, view / 3)) }), [count, rowHeight, view, place]);
  useLayoutEffect(() => {
    if (follow) place(end);
  }, [follow, end, place]);
  useEffect(() => onRange(first, last), [first, last, onRange]);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const measure = (): void => setView(element.clientHeight || 600);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    const element = box.current;
    if (!element || scale <= 1) return;
    const wheel = (event: WheelEvent): void => {
      if (event.deltaY === 0 || event.ctrlKey) return;
      event.preventDefault();
      element.scrollTop += (event.deltaMode === 1 ? event.deltaY * rowHeight : event.deltaY) / scale;
    };
    element.addEventListener("wheel", wheel, { passive: false });
    return () => element.removeEventListener("wheel", wheel);
  }, [scale, rowHeight]);

  const scrolled = (): void => {
    const element = box.current;
    if (!element) return;
    const now = element.scrollTop;
    if (now === placed.current) return;
    placed.current = -1;
    setTop(now);
    const atEnd = now >= end - 2;
    if (atEnd !== follow) onFollow(atEnd);
  };
  const keys = (event: KeyboardEvent<HTMLDivElement>): void => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const by: Record<string, number> = { ArrowUp: -rowHeight, ArrowDown: rowHeight, PageUp: rowHeight - view, PageDown: view - rowHeight, Home: -Infinity, End: Infinity };
    const distance = by[event.key];
    if (distance === undefined || !box.current) return;
    event.preventDefault();
    box.current.scrollTop = Math.max(0, Math.min(end, box.current.scrollTop + distance / scale));
  };

  return (
    <div ref={box} className={css["view"]} style={{ height }} role="region" aria-label={label} tabIndex={0} onScroll={scrolled} onKeyDown={keys}>
      <div className={css["bar"]} style={{ height: shape.height }}>
        <div className={css["rows"]} style={{ transform: `translateY(${shape.offset}px)` }}>
          {Array.from({ length: Math.max(0, last - first) }, (_, i) => row(first + i))}
        </div>
      </div>
    </div>
  );
}
