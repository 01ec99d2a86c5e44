import { expect, test, vi } from "vitest";
import { Asking } from "./asking.js";
import type { Link } from "./link.js";
import { read, type Wish } from "./messages.js";
import { ALL, begin, reduce, type State } from "./state.js";

const row = (n: number): object => ({
  id: `r${n}`,
  fn: "f",
  opened: 1_000_000 - n,
  state: "Success",
});
const rows = (from: number, to: number): object[] =>
  Array.from({ length: to - from }, (_, n) => row(from + n));

function told(state: State, message: object, asked = 0): State {
  const known = read(message);
  if (known === null) throw new Error("no message");
  return reduce(state, known, asked);
}

/** A link that keeps what it was asked. */
function asked(): { link: Link; orders: [string, number][] } {
  const orders: [string, number][] = [];
  let id = 0;
  const find = (wish: Wish, start: number, again: boolean): number => {
    orders.push([wish.text, start]);
    return again ? id : ++id;
  };
  return { link: { find } as unknown as Link, orders };
}

const FIRST = told(begin("here"), { t: "state", n: 1, total: 10_000, runs: rows(0, 200) });

test("of ten thousand runs only the page that is looked at is asked for, and once", () => {
  const { link, orders } = asked();
  const asking = new Asking(() => undefined);
  let state = FIRST;
  const { source, isExact } = asking.source(link, state, ALL);
  expect([source.count, isExact]).toEqual([10_000, true]);
  asking.sight(state, 0, 40);
  expect(orders).toEqual([]);

  asking.sight(state, 9_960, 10_000);
  asking.sight(state, 9_960, 10_000);
  expect(orders).toEqual([["", 9_800]]);
  state = told(
    state,
    { t: "found", n: 2, id: 1, start: 9_800, total: 10_000, runs: rows(9_800, 10_000) },
    1,
  );
  const after = asking.source(link, state, ALL).source;
  expect(after.at(9_999)?.id).toBe("r9999");
  expect(after.at(5_000)).toBeUndefined();
  expect(after.placeOf("r9999")).toBe(9_999);
  asking.sight(state, 9_960, 10_000);
  expect(orders.length).toBe(1);
});

test("a text is asked of the kernel, and until it answers the list shows what it knows", () => {
  const { link, orders } = asked();
  const asking = new Asking(() => undefined);
  const wish = { ...ALL, text: "r17" };
  const before = asking.source(link, FIRST, wish);
  expect(before.isExact).toBe(false);
  expect(before.source.count).toBe(11);
  asking.sight(FIRST, 0, 11);
  expect(orders).toEqual([["r17", 0]]);

  const state = told(FIRST, { t: "found", n: 2, id: 1, start: 0, total: 1, runs: [row(7_000)] }, 1);
  const found = asking.source(link, state, wish);
  expect([found.isExact, found.source.count, found.source.at(0)?.id]).toEqual([true, 1, "r7000"]);
  // Another text is another question, whatever was found before.
  expect(asking.source(link, state, { ...ALL, text: "other" }).isExact).toBe(false);
});

test("what was found is looked for again once runs changed, and not at each change", () => {
  vi.useFakeTimers();
  const { link, orders } = asked();
  let renewed = 0;
  const asking = new Asking(() => renewed++);
  const wish = { ...ALL, state: "failed" };
  asking.source(link, FIRST, wish);
  asking.sight(FIRST, 0, 10);
  let state = told(FIRST, { t: "found", n: 2, id: 1, start: 0, total: 0, runs: [] }, 1);
  for (let n = 3; n < 9; n++) {
    state = told(state, { t: "update", n, total: 10_000, gone: [], runs: [row(0)] });
    asking.source(link, state, wish);
    asking.sight(state, 0, 10);
  }
  expect(orders.length).toBe(1);
  vi.advanceTimersByTime(800);
  expect(renewed).toBe(1);
  asking.source(link, state, wish);
  asking.sight(state, 0, 10);
  expect(orders.length).toBe(2);
  asking.dispose();
  vi.useRealTimers();
});
