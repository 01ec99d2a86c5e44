import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { read, type Row } from "./messages.js";
import { ALL, begin, isOf, lost, mustAsk, reduce, type State, wanted } from "./state.js";

const FOLDER = new URL("../fixtures/", import.meta.url);

interface Fixture {
  readonly about: string;
  readonly messages: readonly unknown[];
  readonly ends: {
    readonly order: readonly string[];
    readonly states: readonly string[];
    readonly total: number;
    readonly pending: number;
    readonly tokens: number;
    readonly behind: boolean;
    readonly cells: readonly string[];
  };
}

function folded(messages: readonly unknown[]): State {
  let state = begin("looking");
  for (const data of messages) {
    const message = read(data);
    if (message !== null) state = reduce(state, message);
  }
  return state;
}

describe("what the kernel's tests wrote", () => {
  for (const name of readdirSync(FOLDER)) {
    const fixture = JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")) as Fixture;
    test(`${name}: ${fixture.about}`, () => {
      const state = folded(fixture.messages);
      const rows = wanted(state, ALL);

      expect(rows.map((row) => row.id)).toEqual(fixture.ends.order);
      expect(rows.map((row) => row.state)).toEqual(fixture.ends.states);
      expect(state.total).toBe(fixture.ends.total);
      expect(state.pending.length).toBe(fixture.ends.pending);
      expect(state.status.tokens).toBe(fixture.ends.tokens);
      expect(state.isBehind).toBe(fixture.ends.behind);
      expect([...state.cells.keys()]).toEqual(fixture.ends.cells);
    });
  }
});

const ROW = { id: "r1", fn: "study", state: "Running", opened: 5, mine: true };

function update(n: number, ...runs: unknown[]): unknown {
  return { t: "update", n, total: runs.length, runs, gone: [] };
}

test("until the kernel has read its record it may have more runs than it told of", () => {
  const first = { t: "state", n: 1, wire: 1, total: 0, runs: [], read: false };
  const reread = { t: "update", n: 2, total: 1, runs: [ROW], gone: [], read: true };
  expect(folded([first]).isRead).toBe(false);
  expect(folded([first, update(2, ROW)]).isRead).toBe(false);
  expect(folded([first, reread]).isRead).toBe(true);
});

test("a message that is missing says so until all was told again", () => {
  const gap = folded([update(1, ROW), update(3, { ...ROW, id: "r2" })]);
  expect(gap.isBehind).toBe(true);
  expect(gap.runs.size).toBe(2);

  const after = reduce(gap, must(read({ t: "state", n: 9, total: 0, runs: [] })));
  expect(after.isBehind).toBe(false);
  expect(after.runs.size).toBe(0);
});

test("the first message may have any number: the panel came later than the kernel", () => {
  expect(folded([update(40, ROW)]).isBehind).toBe(false);
});

test("a dead kernel's runs do not stay, its marks do", () => {
  const state = folded([{ ...(update(1, ROW) as object), cells: { c1: { fn: "study" } } }]);
  const dead = lost(state, "dead");
  expect(dead.runs.size).toBe(0);
  expect(dead.cells.size).toBe(1);
  expect(dead.way).toBe("dead");
});

test("what is no message is nothing, and what is half one has defaults", () => {
  for (const data of [null, 3, "x", [], {}, { t: "eval" }]) expect(read(data)).toBeNull();
  expect(read({ t: "usage", n: 2, html: 3 })).toEqual({ t: "usage", n: 2, html: "" });
  const state = folded([update(1, null, {}, { id: "a", state: "Sleeping", usd: "1" })]);
  const [row] = wanted(state, ALL);
  expect(row?.state).toBe("CutOff");
  expect(row?.usd).toBe(0);
  expect(state.runs.size).toBe(1);
});

test("an end in no time is an end", () => {
  const [row] = wanted(folded([update(1, { id: "a", state: "Success" })]), ALL);
  expect(row?.seconds).toBe(0);
});

test("every word of a search is found, whatever its case", () => {
  const state = folded([
    update(1, ROW, { ...ROW, id: "r2", fn: "Title", state: "Error", error: "ZeroDivisionError" }),
  ]);
  const ids = (text: string): string[] => wanted(state, { ...ALL, text }).map((row: Row) => row.id);
  expect(ids("TITLE zero")).toEqual(["r2"]);
  expect(ids("r")).toEqual(["r1", "r2"]);
  expect(ids("title study")).toEqual([]);
});

test("filters keep what they say", () => {
  const state = folded([
    update(
      1,
      ROW,
      { ...ROW, id: "r2", state: "Error", seconds: 1, notebook: "/home/x/a/b.ipynb" },
      { ...ROW, id: "r3", waits: 2 },
    ),
  ]);
  const ids = (by: object): string[] => wanted(state, { ...ALL, ...by }).map((row) => row.id);
  expect(ids({ state: "live" })).toEqual(["r1", "r3"]);
  expect(ids({ state: "failed" })).toEqual(["r2"]);
  expect(ids({ state: "asks" })).toEqual(["r3"]);
  expect(ids({ state: "Error" })).toEqual(["r2"]);
  expect(ids({ notebook: "a/b.ipynb" })).toEqual(["r2"]);
  expect(ids({ notebook: "a/b.ipynb", state: "live" })).toEqual([]);
  expect(ids({ fn: "title" })).toEqual([]);
  expect(ids({ since: 6 })).toEqual([]);
  expect(ids({ since: 5, until: 6 }).length).toBe(3);
});

test("rows are sorted by a column either way, the newest first among equals", () => {
  const state = folded([
    update(
      1,
      { ...ROW, opened: 1, tokens: 5, seconds: 3, state: "Success", fn: "b" },
      { ...ROW, id: "r2", opened: 2, tokens: 5, seconds: 1, state: "Error", fn: "C", failed: 2 },
      { ...ROW, id: "r3", opened: 3, tokens: 1, fn: "a", tags: ["x"] },
    ),
  ]);
  const ids = (sort: string, down: boolean): string[] =>
    wanted(state, { ...ALL, sort: sort as "what", down }).map((row) => row.id);
  expect(ids("when", true)).toEqual(["r3", "r2", "r1"]);
  expect(ids("what", false)).toEqual(["r3", "r1", "r2"]);
  expect(ids("tokens", true)).toEqual(["r2", "r1", "r3"]);
  expect(ids("time", true)).toEqual(["r3", "r1", "r2"]);
  expect(ids("marks", true)).toEqual(["r3", "r2", "r1"]);
});

test("the kernel is asked for what was not told, and for any text", () => {
  const all = folded([update(1, ROW)]);
  expect(mustAsk(all, ALL)).toBe(false);
  expect(mustAsk(all, { ...ALL, state: "Error" })).toBe(false);
  expect(mustAsk(all, { ...ALL, text: "x" })).toBe(true);
  const some = folded([{ ...(update(1, ROW) as object), total: 9 }]);
  expect(mustAsk(some, ALL)).toBe(false);
  expect(mustAsk(some, { ...ALL, state: "Error" })).toBe(true);
});

test("an answer is kept by its places, of this page alone, and what moved is at one place", () => {
  const answer = (n: number, id: number, start: number, total: number, ...names: string[]) =>
    must(read({ t: "found", n, id, start, total, runs: names.map((name) => ({ id: name })) }));
  let state = folded([update(1, ROW)]);
  state = reduce(state, answer(2, 7, 0, 3, "r1", "old"), 8);
  expect(state.found).toBeNull();
  state = reduce(state, answer(3, 8, 0, 4, "r1", "old"), 8);
  state = reduce(state, answer(4, 8, 2, 4, "older", "oldest"), 8);
  expect([...(state.found?.places ?? [])].map(([, id]) => id)).toEqual([
    "r1",
    "old",
    "older",
    "oldest",
  ]);
  expect(state.runs.size).toBe(1);
  expect(state.others.size).toBe(3);

  state = reduce(state, answer(5, 8, 0, 3, "old", "older"), 8);
  expect([...(state.found?.ids.keys() ?? [])]).toEqual(["old", "older"]);
  state = reduce(state, must(read({ t: "update", n: 6, total: 2, runs: [], gone: ["old"] })), 8);
  expect(state.found?.ids.has("old")).toBe(false);
});

test("a run beyond what was told without a gap does not close the gap", () => {
  const many = Array.from({ length: 200 }, (_, n) => ({ ...ROW, id: `n${n}`, opened: 900 - n }));
  const state = folded([
    { t: "state", n: 1, wire: 2, total: 500, runs: many },
    { t: "update", n: 2, total: 500, gone: [], runs: [{ ...ROW, id: "deep", opened: 3 }] },
  ]);
  expect(state.runs.size).toBe(200);
  expect([...state.others.keys()]).toEqual(["deep"]);
});

test("a notebook is known by its whole path or by what is below the server's root", () => {
  const [row] = wanted(folded([update(1, { ...ROW, notebook: "/srv/a/b.ipynb" })]), ALL);
  expect(isOf(must(row), "a/b.ipynb")).toBe(true);
  expect(isOf(must(row), "b.ipynb")).toBe(true);
  expect(isOf(must(row), "c/b.ipynb")).toBe(false);
});

function must<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error("There is nothing.");
  return value;
}
