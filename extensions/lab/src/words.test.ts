import { expect, test } from "vitest";
import { codeOf, quoted, rerunOf } from "./code.js";
import { read, type Row } from "./messages.js";
import { runOf, settled, stays, WIDGET } from "./outputs.js";
import {
  about,
  asksIn,
  beforeText,
  called,
  marksOf,
  markText,
  moment,
  money,
  seconds,
  spoken,
  standing,
  statusText,
  taken,
} from "./words.js";

const TRANS = {
  __: (text: string, ...given: unknown[]): string => filled(text, given),
  _n: (one: string, many: string, count: number, ...given: unknown[]): string =>
    filled(count === 1 ? one : many, given),
};

function filled(text: string, given: unknown[]): string {
  return text.replace(/%(\d)/g, (_, n: string) => String(given[Number(n) - 1]));
}

function row(given: object): Row {
  const message = read({ t: "update", n: 1, total: 1, runs: [{ id: "r", fn: "f", ...given }] });
  if (message?.t !== "update" || message.runs[0] === undefined) throw new Error("no row");
  return message.runs[0];
}

const MONEY = { sign: "$", digits: null };

test("money has the digits that its amount needs, or those that were chosen", () => {
  expect(money(0, 0)).toBe("$0.00");
  expect(money(1.234, 0)).toBe("$1.23");
  expect(money(0.0123, 0)).toBe("$0.0123");
  expect(money(0.000012, 0)).toBe("$0.000012");
  expect(money(0.5, 2)).toBe("$0.50 + ?");
  expect(money(0, 1)).toBe("$?");
  expect(money(0.0123, 0, { sign: "USD ", digits: 3 })).toBe("USD 0.012");
});

test("times are those of people", () => {
  expect(seconds(0)).toBe("<1 ms");
  expect(seconds(0.0123)).toBe("12 ms");
  expect(seconds(65.43)).toBe("65.4 s");
  expect(seconds(3_000)).toBe("50 min 0 s");
});

test("a row says its state in a word", () => {
  const going = row({ state: "Running", opened: 10, nodes: 9, done: 4, tokens: 1204, mine: true });
  expect(about(going, 12, TRANS)).toBe("Running · 4 of 9 · 2.0 s · 1,204 tokens");
  const failed = row({ state: "Error", seconds: 1, nodes: 1, error: "ValueError", usd: 0.2 });
  expect(about(failed, 12, TRANS)).toBe("Error · 1.0 s · ValueError");
  expect(spoken(failed, 12, MONEY, TRANS)).toBe("f(), Error, 1.0 s, ValueError, $0.20");
  expect(about(row({ state: "Running", waits: 2 }), 12, TRANS)).toContain("asks you 2 things");
  expect(about(row({ state: "CutOff", nodes: 3 }), 12, TRANS)).toBe("Cut off");
  // Of another kernel's run nobody here knows how far it is.
  expect(standing(row({ state: "Running", nodes: 3 }), TRANS)).toBe("Running");
  expect(standing(going, TRANS)).toBe("Running · 4 of 9");
  const partly = row({ state: "Success", seconds: 2, nodes: 9, failed: 2 });
  expect(standing(partly, TRANS)).toBe("Success · 2 failed");
  expect(standing(row({ state: "Error", nodes: 1, failed: 1 }), TRANS)).toBe("Error");
  const canceled = row({ state: "Canceled", seconds: 2, nodes: 4, error: "CancellationException" });
  expect(taken(canceled, 12, TRANS)).toBe("2.0 s");
  expect(about(canceled, 12, TRANS)).toBe("Canceled · 4 Nodes · 2.0 s");
});

test("a row says where it comes from, that it is kept, its tags and its note", () => {
  const fork = row({
    how: "fork",
    of: "2026-11-28-abc",
    tags: ["base"],
    note: "try",
    pinned: true,
  });
  expect(marksOf(fork, TRANS)).toEqual(["⚲ pinned", "↱ fork of 28-abc", "#base", "“try”"]);
  expect(marksOf(row({ how: "replay", of: "r", of_title: "base" }), TRANS)).toEqual([
    "» replay of base",
  ]);
  expect(marksOf(row({ note: "x".repeat(99) }), TRANS)[0]?.length).toBe(62);
  expect(called(row({ args: "x=1" }))).toBe("f(x=1)");
  expect(called(row({ args: "x=1", title: "mine" }))).toBe("mine");
});

test("the status bar says what counts, and nothing where nothing does", () => {
  const none = { running: 0, waiting: 0, tokens: 0, usd: 0, unpriced: 0, left: null };
  expect(statusText(none, MONEY, TRANS)).toBe("");
  expect(statusText({ ...none, left: 5 }, MONEY, TRANS)).toBe("$5.00 left");
  const some = { ...none, running: 2, waiting: 1, tokens: 1204, usd: 0.5, left: 4.5 };
  expect(statusText(some, MONEY, TRANS)).toBe(
    "1 waits for you · 2 running · 1,204 tokens · $0.50 today, $4.50 left",
  );
});

test("a mark says whether a Function is as it was when it last ran", () => {
  const mark = { fn: "f", kind: "agent", version: "0123456789", unhashed: [], calls: 2 } as const;
  expect(markText({ ...mark, changed: null, cost: null, calls: 0 }, MONEY, TRANS).short).toBe(
    "○ 012345",
  );
  const same = markText({ ...mark, changed: false, cost: 0.25 }, MONEY, TRANS);
  expect(same.short).toBe("● 012345 $0.25");
  expect(same.long).toBe("f(), version 012345, as in the last run, $0.25 in 2 calls");
  expect(markText({ ...mark, changed: true, cost: null }, MONEY, TRANS).long).toContain(
    "changed since the last run, last cost unknown",
  );
  const unsure = { ...mark, unhashed: ["gate"], changed: false, cost: 0 };
  expect(markText(unsure, MONEY, TRANS).long).toContain("as far as can be judged (not gate)");
});

test("a card says who asks, where, and what was answered before", () => {
  const message = read({
    t: "update",
    n: 1,
    total: 0,
    runs: [{ id: "r", fn: "study", args: "x=1", notebook: "/a/b.ipynb" }],
    pending: [
      {
        run: "r",
        fn: "publish",
        path: "study/plan[2]/publish",
        asker: "plan",
        before: { approved: 3, last: 60, by: "ada", how: "approved", mine: true },
      },
    ],
  });
  if (message?.t !== "update") throw new Error("no update");
  const [asked] = message.pending ?? [];
  const before = asked?.before;
  if (asked === undefined || !before) throw new Error("no question");
  expect(asksIn(asked, message.runs[0], 60, TRANS)).toEqual([
    "asked by the agent plan",
    "study / plan[2] / publish",
    "run study(x=1)",
    "b.ipynb",
  ]);
  const at = moment(60, 60);
  expect(beforeText("publish", before, 60, TRANS)).toBe(
    `publish() today: approved 3 times; last by you, ${at}`,
  );
  const mixed = { ...before, approved: 1, rejected: 1, mine: false, how: "rejected" };
  expect(beforeText("publish", mixed, 60, TRANS)).toBe(
    `publish() today: approved once, rejected once; last rejected by ada, ${at}`,
  );
  expect(beforeText("publish", { ...before, approved: 0 }, 60, TRANS)).toBe(
    `publish(): last approved by you, ${at}`,
  );
  const alone = { ...asked, run: "20261201-0715-9fa3-1.2", path: "publish", asker: "" };
  expect(asksIn(alone, undefined, 60, TRANS)).toEqual([]);
  expect(asksIn(alone, undefined, 60, TRANS, true)).toEqual(["run 9fa3-1.2"]);
  expect(asksIn(alone, message.runs[0], 60, TRANS)).toEqual(["run 9fa3-1.2", "b.ipynb"]);
});

test("runs are run again by a cell that names them", () => {
  const [one, two] = [row({ id: "a-1" }), row({ id: "a-2" })];
  expect(rerunOf([one])).toContain('rerun = runs["a-1"].rerun()');
  expect(rerunOf([one, two])).toContain('"a-1",\n    "a-2",\n]]');
});

test("only a name of ours becomes code", () => {
  expect(quoted("20261121-abc.1")).toBe('"20261121-abc.1"');
  for (const name of ['a"); import os #', "a\nb", "", "x".repeat(201), "a'b", "a\\"]) {
    expect(quoted(name)).toBe("");
  }
  expect(codeOf(row({ id: "r-1" }))).toContain('runs["r-1"]');
});

const LIVE = {
  output_type: "display_data",
  metadata: { netflux_nb: { run: "r-1" } },
  data: { [WIDGET]: { model_id: "m" }, "text/html": "<p>begun</p>", "text/plain": "begun" },
};

test("an output with a live view of ours is known, others are left alone", () => {
  expect(runOf(LIVE)).toBe("r-1");
  expect(runOf({ ...LIVE, metadata: {} })).toBe("");
  expect(runOf({ ...LIVE, data: { "text/html": "x" } })).toBe("");
  expect(runOf({ output_type: "stream", name: "stdout", text: "x" })).toBe("");
});

test("a view that was opened is told apart from one that ends with its run", () => {
  expect(stays(LIVE)).toBe(false);
  expect(stays({ ...LIVE, metadata: { netflux_nb: { run: "r-1", stays: true } } })).toBe(true);
  expect(stays({ ...LIVE, metadata: { netflux_nb: { run: "r-1", stays: "yes" } } })).toBe(false);
});

test("a settled output has no live view, and the HTML that the kernel told", () => {
  expect(settled(LIVE, "<p>done</p>", "").data).toEqual({
    "text/html": "<p>done</p>",
    "text/plain": "begun",
  });
  expect(settled(LIVE, "", "It <b> ended.").data).toEqual({
    "text/html": "<p>begun</p><p><em>It &#60;b&#62; ended.</em></p>",
    "text/plain": "begun",
  });
  expect(settled(LIVE, "<p>done</p>", "Run it again.").data).toEqual({
    "text/html": "<p>done</p><p><em>Run it again.</em></p>",
    "text/plain": "begun",
  });
  expect(settled(LIVE, "", "").data).toEqual({
    "text/html": "<p>begun</p>",
    "text/plain": "begun",
  });
});
