/**
 * Geometry of a list whose rows all have one height. A browser cannot make an element as tall as a long log (Firefox ends at 17
 * million pixels), so beyond a limit the scroll bar is a scale: one pixel of it stands for several of the list.
 */
export const maxHeight = 12_000_000;

export interface Geometry {
  /** Height of the element that makes the scroll bar. */
  height: number;
  /** Pixels of the list for one pixel of the scroll bar. */
  scale: number;
  first: number; // rows to draw, first..last, last not included
  last: number;
  /** Where the first drawn row stands in the element. */
  offset: number;
}

const margin = 8; // rows drawn beyond the edges

export function geometry(count: number, rowHeight: number, view: number, scrollTop: number): Geometry {
  const natural = count * rowHeight;
  const height = Math.min(natural, maxHeight);
  const scale = height > view && natural > height ? (natural - view) / (height - view) : 1;
  const top = Math.max(0, Math.min(scrollTop * scale, natural - view));
  const first = Math.max(0, Math.floor(top / rowHeight) - margin);
  const last = Math.min(count, Math.ceil((top + view) / rowHeight) + margin);
  return { height, scale, first, last, offset: scrollTop - (top - first * rowHeight) };
}

/** scrollTopOf returns where the scroll bar has to stand to show a row at a distance from the upper edge. */
export function scrollTopOf(row: number, count: number, rowHeight: number, view: number, above = 0): number {
  const { scale } = geometry(count, rowHeight, view, 0);
  return Math.max(0, (row * rowHeight - above) / scale);
}
