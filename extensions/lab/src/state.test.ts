import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { read, type Row } from "./messages.js";
import { begin, isOf, lost, reduce, type State, wanted } from "./state.js";

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

const ALL = { search: "", filter: "all", notebook: "" } as const;

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
  const ids = (search: string): string[] =>
    wanted(state, { ...ALL, search }).map((row: Row) => row.id);
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
  const ids = (filter: "live" | "failed" | "asks" | "notebook"): string[] =>
    wanted(state, { search: "", filter, notebook: "a/b.ipynb" }).map((row) => row.id);
  expect(ids("live")).toEqual(["r1", "r3"]);
  expect(ids("failed")).toEqual(["r2"]);
  expect(ids("asks")).toEqual(["r3"]);
  expect(ids("notebook")).toEqual(["r2"]);
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
