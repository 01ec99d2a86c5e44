import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Message } from "./messages.js";
import { begin, reduce, type RunState } from "./state.js";

interface Case {
  messages: Message[];
  expected: {
    nodes: Record<string, Record<string, unknown>>;
    asks: number[];
    transcript: [string, string][];
  };
}

const folder = new URL("./fixtures/", import.meta.url);
const cases: Record<string, Case> = Object.fromEntries(
  readdirSync(folder).map((name) => [
    name.replace(".json", ""),
    JSON.parse(readFileSync(new URL(name, folder), "utf8")) as Case,
  ]),
);

function fold(messages: readonly Message[]): RunState {
  return messages.reduce((state, message) => reduce(state, message), begin());
}

function known(state: RunState): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    [...state.nodes.values()].map((node) => [
      String(node.id),
      {
        name: node.name,
        mark: node.mark,
        answered: node.answered,
        children: node.children,
        state: node.state,
        tokens: node.tokens,
        usd: node.usd,
        isPriced: node.unknown === 0,
        below: node.below,
        done: node.done,
        failed: node.failed,
      },
    ]),
  );
}

describe.each(Object.keys(cases))("the fixture %s", (name) => {
  const { messages, expected } = cases[name] ?? { messages: [], expected: undefined };

  it("folds to what Python says of the last view", () => {
    const state = fold(messages);
    expect(known(state)).toEqual(expected?.nodes);
    expect(state.asks.map((ask) => ask.id)).toEqual(expected?.asks);
    expect(state.isBehind).toBe(false);
    expect(state.gaps).toBe(0);
  });

  it("follows the conversation to its end", () => {
    const parts = fold(messages).details.get("1/transcript")?.parts ?? [];
    const shown = parts.map((part) => [part.kind, part.text]);
    if (messages.some((message) => message.t === "detail")) {
      expect(shown).toEqual(expected?.transcript);
    }
  });

  it("counts each state once a Node", () => {
    const state = fold(messages);
    const counted = state.counts.reduce((sum, count) => sum + count, 0);
    expect(counted).toBe(state.nodes.size);
  });

  it("is the same however often a message comes twice", () => {
    const twice = fold(messages.flatMap((message) => [message, message]));
    expect(known(twice)).toEqual(expected?.nodes);
  });

  it("notices a message that was lost, and keeps what it knows", () => {
    const deltas = messages.filter((message) => message.t === "delta");
    const lost = deltas[0];
    if (deltas.length < 2) return;
    const state = fold(messages.filter((message) => message !== lost));
    expect(state.isBehind).toBe(true);
    expect(state.gaps).toBe(1);
  });
});

const row = (id: number, parent: number, ...body: (number | string)[]) => [
  id,
  parent,
  0,
  0,
  "",
  ...body,
];
const run = { name: "a", fn: "a", state: 1, since: 0, left_out: 0, asks: 0 } as const;

describe("snapshots", () => {
  const first: Message = {
    t: "snap",
    seq: 4,
    part: 0,
    parts: 2,
    names: ["a"],
    rows: [row(1, -1)],
    run,
  };
  const second: Message = { t: "snap", seq: 4, part: 1, parts: 2, rows: [row(2, 1, 2)] };

  it("count only when all their parts came", () => {
    const state = fold([first]);
    expect(state.nodes.size).toBe(0);
    expect(state.isBehind).toBe(true);
    reduce(state, second);
    expect(state.nodes.size).toBe(2);
    expect(state.seq).toBe(4);
    expect(state.isBehind).toBe(false);
  });

  it("are not made of parts of two", () => {
    const state = fold([first, { ...second, seq: 5 }]);
    expect(state.nodes.size).toBe(0);
    expect(state.half).toBeNull();
  });

  it("mend what a gap broke", () => {
    const state = fold([first, second, { t: "delta", seq: 9, upd: [[2, 3]] }]);
    expect(state.isBehind).toBe(true);
    reduce(state, { ...first, seq: 9 });
    reduce(state, { ...second, seq: 9 });
    expect(state.isBehind).toBe(false);
    expect(state.nodes.get(2)?.state).toBe(2);
    reduce(state, { t: "delta", seq: 10, upd: [[2, 3]] });
    expect(state.nodes.get(2)?.state).toBe(3);
  });

  it("keep what was read of a Node", () => {
    const part = [0, 0, "value", "x", "1", 1] as const;
    const state = fold([
      first,
      second,
      { t: "detail", id: 2, pane: "inputs", at: [0, 0], parts: [part], next: null, count: 1 },
      { ...first, seq: 7 },
      { ...second, seq: 7 },
    ]);
    expect(state.details.get("2/inputs")?.parts[0]?.text).toBe("1");
  });
});

describe("details", () => {
  it("join where the last page ended, and nowhere else", () => {
    const state = begin();
    const page = (at: [number, number], text: string, end: number): Message => ({
      t: "detail",
      id: 1,
      pane: "result",
      at,
      parts: [[0, at[1], "value", "", text, end]],
      next: null,
      count: 1,
    });
    reduce(state, page([0, 0], "abc", 3));
    reduce(state, page([0, 3], "def", 6));
    reduce(state, page([0, 99], "!", 100));
    expect(state.details.get("1/result")?.parts[0]?.text).toBe("abcdef");
  });

  it("are forgotten, the oldest first, when there are many", () => {
    const state = begin();
    for (let id = 0; id < 60; id++) {
      reduce(state, {
        t: "detail",
        id,
        pane: "inputs",
        at: [0, 0],
        parts: [],
        next: null,
        count: 0,
      });
    }
    expect(state.details.size).toBeLessThan(30);
    expect(state.details.has("59/inputs")).toBe(true);
  });
});
