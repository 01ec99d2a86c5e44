import { describe, expect, test } from "vitest";
import { argumentsOf, type Kind, spans } from "./prompts.js";

function texts(cell: string, kind: Kind): string[] {
  return spans(cell)
    .filter((span) => span.kind === kind)
    .map((span) => cell.slice(span.from, span.to));
}

const CELL = `%%agent summarise(text: str, tone: str = "a, {b}") -> str --uses count --model x
"""What others see, {text}."""
You edit. Keep {"a": 1}, {{text} and {  text }.
---
In a {tone} tone: {text}
---
And {who}?`;

test("a prompt's placeholders are those of the signature", () => {
  expect(texts(CELL, "hole")).toEqual(["{tone}", "{text}"]);
  expect(texts(CELL, "unknown")).toEqual(["{who}"]);
});

test("the first rule alone parts the prompts", () => {
  const rules = spans(CELL).filter((span) => span.kind === "rule");
  expect(rules.length).toBe(1);
  expect(CELL.slice(0, rules[0]?.from).split("\n").length).toBe(4);
});

test("the first line has a name and options", () => {
  expect(texts(CELL, "magic")).toEqual(["%%agent"]);
  expect(texts(CELL, "name")).toEqual(["summarise"]);
  expect(texts(CELL, "option")).toEqual(["--uses", "--model"]);
  expect(texts(CELL, "doc")).toEqual(['"""What others see, {text}."""']);
});

test("spans are in order and none is inside another", () => {
  for (const cell of [CELL, "%%nfsql\nselect 'a''b' -- x\n/* y */ 12 'open", "%%agent f()\n{x"]) {
    let at = 0;
    for (const span of spans(cell)) {
      expect(span.from).toBeGreaterThanOrEqual(at);
      expect(span.to).toBeGreaterThanOrEqual(span.from);
      at = span.to;
    }
    expect(at).toBeLessThanOrEqual(cell.length);
  }
});

describe("arguments of a signature", () => {
  const cases: Record<string, readonly string[]> = {
    "f(a, b: dict[str, int], *, c: str = 'x, y(') -> str --uses g(h)": ["a", "b", "c"],
    "f()": [],
    "f(größe: int)": ["größe"],
    "f(a: tuple[int, ...] = (1, 2), **rest)": ["a", "rest"],
    "no signature": [],
    "f(a": ["a"].slice(1),
  };
  for (const [signature, names] of Object.entries(cases)) {
    test(signature, () => {
      expect([...argumentsOf(signature)]).toEqual(names);
    });
  }
});

test("SQL is read as SQL", () => {
  const cell = "%%nfsql >> out\nSELECT fn, 3.5 FROM nodes -- why\nWHERE fn = 'it''s' /* a\nb */";
  expect(texts(cell, "keyword")).toEqual(["SELECT", "FROM", "WHERE"]);
  expect(texts(cell, "string")).toEqual(["'it''s'"]);
  expect(texts(cell, "number")).toEqual(["3.5"]);
  expect(texts(cell, "comment")).toEqual(["-- why", "/* a\nb */"]);
});

test("other cells, and a body of Python, stay as they are", () => {
  expect(spans("x = '{a}'")).toEqual([]);
  expect(spans("%%agents f()\n{a}")).toEqual([]);
  expect(spans("%%function\ndef f(a): return {a}").map((span) => span.kind)).toEqual(["magic"]);
});

test("a cell of any length is read in no time", () => {
  const cell = `%%agent f(a: str)\n${"{".repeat(50_000)}${"{a} ".repeat(20_000)}`;
  const begun = performance.now();
  spans(cell);
  expect(performance.now() - begun).toBeLessThan(1_000);
});
