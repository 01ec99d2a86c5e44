import { expect, test } from "vitest";
import { dayOf, FIRST, keptOf, wishOf } from "./filters.js";

test("a day begins at midnight here, and ends at the next", () => {
  const day = dayOf("2026-11-28") ?? 0;
  expect(new Date(day * 1000).getHours()).toBe(0);
  expect(new Date((dayOf("2026-11-28", 1) ?? 0) * 1000).getDate()).toBe(29);
  for (const text of ["", "today", "2026-13", "28.11.2026"]) expect(dayOf(text)).toBeNull();
});

test("what was kept by another version, or by nobody, is read as far as it is known", () => {
  for (const value of [null, 3, [], { search: 3, sort: "evil", down: "x" }]) {
    expect(keptOf(value)).toEqual(FIRST);
  }
  expect(keptOf({ search: "a", filter: "failed", sort: "tokens", down: false })).toEqual({
    ...FIRST,
    search: "a",
    sort: "tokens",
    down: false,
  });
});

test("filters become what the kernel is asked for", () => {
  const wish = wishOf({ ...FIRST, ours: true, from: "2026-11-28", to: "2026-11-28" }, "a.ipynb");
  expect(wish.notebook).toBe("a.ipynb");
  expect((wish.until ?? 0) - (wish.since ?? 0)).toBeGreaterThan(80_000);
  expect(wishOf(FIRST, "a.ipynb").notebook).toBe("");
});
