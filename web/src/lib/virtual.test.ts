import { describe, expect, it } from "vitest";
import { geometry, maxHeight, scrollTopOf } from "./virtual";

describe("geometry", () => {
  it("draws what is seen, and a little more", () => {
    expect(geometry(1000, 20, 400, 2000)).toEqual({ height: 20_000, scale: 1, first: 92, last: 128, offset: 1840 });
    expect(geometry(3, 20, 400, 0)).toEqual({ height: 60, scale: 1, first: 0, last: 3, offset: 0 });
    expect(geometry(0, 20, 400, 0)).toMatchObject({ first: 0, last: 0 });
  });

  it.each([1_000_000, 100_000_000])("reaches the first and the last of %i rows", (count) => {
    const start = geometry(count, 20, 400, 0);
    expect(start.first).toBe(0);
    expect(start.height).toBe(maxHeight);
    const end = geometry(count, 20, 400, maxHeight - 400);
    expect(end.last).toBe(count);
    expect(end.offset + (end.last - end.first) * 20).toBeCloseTo(maxHeight, 3);
  });

  it("finds where a row is", () => {
    for (const count of [1000, 1_000_000, 50_000_000]) {
      for (const row of [0, 500, 999]) {
        const { first, last } = geometry(count, 20, 400, scrollTopOf(row, count, 20, 400, 100));
        expect(first).toBeLessThanOrEqual(row);
        expect(last).toBeGreaterThan(row);
      }
    }
  });
});
