import { describe, expect, it } from "vitest";
import type { StateCode, WireBody } from "./messages.js";
import { list, move, pathOf, typed, type Wish } from "./rows.js";
import { begin, reduce, type RunState } from "./state.js";
import { __, speak } from "./tongue.js";
import * as words from "./words.js";

const run = { name: "a", fn: "a", state: 1, since: 0, left_out: 0, asks: 0 } as const;
const NAMES = ["study", "summarise", "word_count"];

function tree(rows: WireBody[]): RunState {
  return reduce(begin(), { t: "snap", seq: 1, part: 0, parts: 1, names: NAMES, rows, run });
}

// study > (summarise > word_count), (summarise: failed), word_count
const small = tree([
  [1, -1, 0, 0, "", 1],
  [2, 1, 1, 0, "text=one", 2],
  [3, 2, 2, 0, "", 2],
  [4, 1, 1, 1, "text=two", 3, 1, 1, 0, 0, 0, 0, 0, 0, "", "ValueError: no"],
  [5, 1, 2, 0, "", 0],
]);

const wish = (more: Partial<Wish> = {}): Wish => ({
  search: "",
  states: new Set<StateCode>(),
  folds: new Map<number, boolean>(),
  ...more,
});
const all = list(small, wish());

function pathIn(state: RunState, id: number): string {
  const node = state.nodes.get(id);
  return node === undefined ? "" : pathOf(state, node);
}

describe("a path", () => {
  it("counts the calls of one name below one parent", () => {
    expect([1, 2, 3, 4, 5].map((id) => pathIn(small, id))).toEqual([
      "study",
      "study/summarise",
      "study/summarise/word_count",
      "study/summarise[2]",
      "study/word_count",
    ]);
  });

  it("of a long chain is its end", () => {
    const rows = Array.from({ length: 50 }, (_, i): WireBody => [i + 1, i || -1, 1, 0, "", 1]);
    expect(pathIn(tree(rows), 50).split("/")).toEqual([
      "…",
      ...Array<string>(20).fill("summarise"),
    ]);
  });

  it("is a name where not all is told", () => {
    expect(pathIn({ ...small, run: { ...run, left_out: 3 } }, 4)).toBe("summarise");
  });
});

describe("rows", () => {
  it("of an agent that succeeded are folded, and stay open of one that failed", () => {
    const state = tree([
      [1, -1, 0, 0, "", 2],
      [2, 1, 1, 1, "", 2],
      [3, 2, 2, 0, "", 2],
      [4, 1, 1, 1, "", 3],
      [5, 4, 2, 0, "", 2],
    ]);

    expect(list(state, wish()).ids).toEqual([1, 2, 4, 5]);
    expect(list(state, wish({ folds: new Map([[2, true]]) })).ids).toEqual([1, 2, 3, 4, 5]);
  });

  it("stand in the order in which calls were made, parents first", () => {
    expect(all.ids).toEqual([1, 2, 3, 4, 5]);
  });

  it("of a folded Node are not there", () => {
    expect(list(small, wish({ folds: new Map([[2, false]]) })).ids).toEqual([1, 2, 4, 5]);
  });

  it("that match are there with all that lead to them", () => {
    const found = list(small, wish({ search: "WORD_count" }));
    expect(found.ids).toEqual([1, 2, 3, 5]);
    expect([...(found.matches ?? [])]).toEqual([3, 5]);
  });

  it("can be asked for by state, by words, and by both", () => {
    expect(list(small, wish({ states: new Set<StateCode>([3]) })).ids).toEqual([1, 4]);
    expect(list(small, wish({ search: "valueerror two" })).ids).toEqual([1, 4]);
    const both = wish({ search: "summarise", states: new Set<StateCode>([2]) });
    expect(list(small, both).ids).toEqual([1, 2]);
    expect(list(small, wish({ search: "nothing" })).ids).toEqual([]);
  });

  it("of a very deep tree are listed without recursion", () => {
    const deep: WireBody[] = [[1, -1, 0, 0, ""]];
    for (let id = 2; id <= 20_000; id++) deep.push([id, id - 1, 2, 0, ""]);
    expect(list(tree(deep), wish({ search: "word" })).ids.length).toBe(20_000);
  });

  it("of a very large family are folded until somebody asks", () => {
    const rows: WireBody[] = [
      [1, -1, 0, 0, ""],
      [2, 1, 1, 0, ""],
    ];
    for (let id = 3; id < 1000; id++) rows.push([id, 2, 2, 0, ""]);
    const state = tree(rows);
    expect(list(state, wish()).ids.length).toBe(2);
    expect(list(state, wish({ folds: new Map([[2, true]]) })).ids.length).toBe(999);
  });
});

describe("keys", () => {
  const press = (active: number, key: string, w = wish()) =>
    move(small, list(small, w), w, active, key, 3);

  it("walk as trees everywhere do", () => {
    expect(press(1, "ArrowDown")).toEqual({ to: 2 });
    expect(press(5, "ArrowDown")).toEqual({ to: 5 });
    expect(press(1, "ArrowUp")).toEqual({ to: 1 });
    expect(press(4, "Home")).toEqual({ to: 1 });
    expect(press(1, "End")).toEqual({ to: 5 });
    expect(press(1, "PageDown")).toEqual({ to: 4 });
  });

  it("open, close, go in and go out", () => {
    const closed = wish({ folds: new Map([[2, false]]) });
    expect(press(2, "ArrowRight", closed)).toEqual({ fold: 2, open: true });
    expect(press(2, "ArrowRight")).toEqual({ to: 3 });
    expect(press(2, "ArrowLeft")).toEqual({ fold: 2, open: false });
    expect(press(3, "ArrowLeft")).toEqual({ to: 2 });
    expect(press(3, "ArrowRight")).toBeNull();
  });

  it("lead to a name by its first letters, and on to the next", () => {
    expect(typed(small, all, 1, "w")).toBe(3);
    expect(typed(small, all, 3, "w")).toBe(5);
    expect(typed(small, all, 2, "sum")).toBe(2);
    expect(typed(small, all, 2, "s")).toBe(4);
    expect(typed(small, all, 1, "zz")).toBe(-1);
  });
});

describe("words", () => {
  it("show what has no sign of its own, as Python does", () => {
    expect(words.visible("a\x1b[31m\u202eb")).toBe("a⟨U+001B⟩[31m⟨U+202E⟩b");
    expect(words.visible("x\u200by\tz\n\ud800")).toBe("x⟨U+200B⟩y⇥z\n⟨U+D800⟩");
    expect(words.visible("café 日本 😀 — “fine”")).toBe("café 日本 😀 — “fine”");
  });

  it("say money that is not known as not known", () => {
    expect(words.usd(0, 0)).toBe("");
    expect(words.usd(0, 2)).toBe("unknown");
    expect(words.usd(0.5, 1)).toBe("$0.50 + ?");
    expect(words.usd(0.0134)).toBe("$0.013");
  });

  it("count no time on of what was cut off", () => {
    const node = small.nodes.get(1);
    if (node === undefined) throw new Error("there is no root");
    const began = { ...node, start: 1, end: 0, waits: "" };
    expect(words.lasted({ ...began, state: 1 }, 2401)).toBe(2400);
    expect(words.lasted({ ...began, state: 5 }, 2401)).toBe(0);
    expect(words.stateWord({ ...began, state: 5 })).toBe("Cut off");
    expect(words.isDone(5)).toBe(false);
  });

  it("say times and counts for people", () => {
    expect(words.seconds(0)).toBe("");
    expect(words.seconds(240)).toBe("240 ms");
    expect(words.seconds(2400)).toBe("2.4 s");
    expect(words.seconds(150_000)).toBe("2.5 min");
    expect(words.tokens(1204)).toBe("1,204");
  });

  it("are those of the page's language, and money as it was chosen", () => {
    const said = (text: string, given: unknown[]): string =>
      `${text.toUpperCase()}/${given.join()}`;
    speak({
      __: (text, ...given) => said(text, given),
      _n: (one, many, count, ...given) => said(count === 1 ? one : many, given),
      money: { sign: "US$ ", digits: 3 },
    });
    try {
      expect(words.stateName(2)).toBe("SUCCESS/");
      expect(words.usd(0.5, 1)).toBe("US$ 0.500 + ?");
    } finally {
      speak(undefined);
    }
    expect(words.stateName(2)).toBe("Success");
    expect(words.usd(0.5, 0)).toBe("$0.50");
    expect(__("%1 of %2", "%2", 7)).toBe("%2 of 7");
  });

  it("give each state a shape and a word of its own", () => {
    expect(new Set(words.SHAPES).size).toBe(words.STATE_CODES.length);
    expect(new Set(words.STATE_CODES.map(words.stateName)).size).toBe(words.STATE_CODES.length);
  });

  it("say all of a row to who hears it", () => {
    const node = small.nodes.get(4);
    expect(node && words.spoken(node, 0)).toBe("summarise, Error, 1 ms");
  });
});

describe("questions", () => {
  it("name a call once", () => {
    expect(words.question("pay", "pay(amount=3) needs a yes")).toEqual([
      "pay",
      "(amount=3) needs a yes",
    ]);
    expect(words.question("ask", "Is the wind fair?")).toEqual(["ask", " Is the wind fair?"]);
    expect(words.question("pay", "payment(x) is due")).toEqual(["pay", " payment(x) is due"]);
  });
});
