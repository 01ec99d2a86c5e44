// Messages of the kernel folded into what is known of a run. Nothing here knows a browser.

import type {
  Detail,
  Message,
  Pane,
  RunFacts,
  StateCode,
  WireAsk,
  WireBody,
  WirePart,
} from "./messages.js";

export interface RunNode {
  readonly id: number;
  readonly parent: number;
  readonly name: string;
  readonly isAgent: boolean;
  readonly label: string;
  readonly level: number;
  /** Its place among its siblings, from 0. */
  readonly place: number;
  /** Which of its siblings of one name it is, from 1. */
  readonly nth: number;
  /** How many children of each name it has. */
  readonly kinds: Map<string, number>;
  readonly children: number[];
  state: StateCode;
  /** Milliseconds since the run began; 0 before it did. */
  start: number;
  end: number;
  tokens: number;
  usd: number;
  /** Requests whose price is not known. */
  unknown: number;
  below: number;
  done: number;
  failed: number;
  waits: string;
  say: string;
  /** Where it comes from, where it is not simply a call: served, changed, run again. */
  mark: string;
  /** Who answered what it asked, and when, in milliseconds since the run began. */
  answered: string;
  answeredAt: number;
}

export interface Part {
  readonly kind: string;
  readonly title: string;
  text: string;
  /** Where its text ends, as the kernel counts. */
  end: number;
}

export interface Details {
  readonly parts: Part[];
  next: readonly [number, number] | null;
  count: number;
}

export interface Ask {
  readonly id: number;
  readonly kind: string;
  readonly what: string;
  readonly choices: readonly string[];
  /** Its id: an answer is to this question. */
  readonly question: string;
}

export interface RunState {
  nodes: Map<number, RunNode>;
  root: number;
  names: string[];
  seq: number;
  /** How often a message was missed. */
  gaps: number;
  /** True while a snapshot is needed to be right again. */
  isBehind: boolean;
  isFinal: boolean;
  run: RunFacts | null;
  asks: readonly Ask[];
  details: Map<string, Details>;
  /** Grows with every change of the tree's shape, and of anything. */
  shape: number;
  version: number;
  /** The kernel's clock in milliseconds since the run began, and when that was here. */
  now: number;
  nowHere: number;
  /** How fast that clock goes on: a run that is played may go slower, or stand. */
  pace: number;
  counts: number[];
  told: { ask: string; ok: boolean; text: string } | null;
  half: { seq: number; next: number; state: RunState } | null;
}

const MOST_PARTS = 5_000;
const MOST_DETAILS = 24;

export function begin(): RunState {
  return {
    nodes: new Map(),
    root: -1,
    names: [],
    seq: -1,
    gaps: 0,
    isBehind: true,
    isFinal: false,
    run: null,
    asks: [],
    details: new Map(),
    shape: 0,
    version: 0,
    now: 0,
    nowHere: 0,
    pace: 1,
    counts: [0, 0, 0, 0, 0, 0],
    told: null,
    half: null,
  };
}

/** Take in one message. The same state object comes back: 10,000 Nodes are not copied. */
export function reduce(state: RunState, message: Message, here = 0): RunState {
  if ((message.t === "snap" || message.t === "delta") && message.now !== undefined) {
    state.now = message.now;
    state.nowHere = here;
    state.pace = message.pace ?? 1;
  }
  switch (message.t) {
    case "snap":
      snap(state, message);
      break;
    case "delta":
      delta(state, message);
      break;
    case "detail":
      detail(state, message);
      break;
    case "told":
      state.told = { ask: message.ask, ok: message.ok, text: message.text };
      break;
    case "final":
      state.isFinal = true;
      break;
    case "module":
      break;
  }
  state.version++;
  return state;
}

function snap(state: RunState, message: Extract<Message, { t: "snap" }>): void {
  if (message.part === 0) {
    state.half = { seq: message.seq, next: 0, state: begin() };
  }
  const half = state.half;
  if (half === null || half.seq !== message.seq || half.next !== message.part) {
    state.half = null; // a part was lost: what is known stays until a whole one comes
    return;
  }
  half.next++;
  half.state.names.push(...(message.names ?? []));
  for (const row of message.rows ?? []) put(half.state, row);
  if (message.run !== undefined) half.state.run = message.run;
  if (message.asks !== undefined) half.state.asks = message.asks.map(asked);
  if (half.next < message.parts) return;
  const { nodes, root, names, run, asks, counts } = half.state;
  Object.assign(state, { nodes, root, names, run, asks, counts, seq: message.seq });
  state.half = null;
  state.isBehind = false;
  state.shape++;
}

function delta(state: RunState, message: Extract<Message, { t: "delta" }>): void {
  if (message.seq <= state.seq) return;
  if (state.seq < 0 || message.seq !== state.seq + 1) {
    if (state.seq >= 0 && !state.isBehind) state.gaps++;
    state.isBehind = true;
    return;
  }
  state.seq = message.seq;
  state.names.push(...(message.names ?? []));
  for (const row of message.add ?? []) put(state, row);
  if (message.add?.length) state.shape++;
  for (const row of message.upd ?? []) {
    const node = state.nodes.get(Number(row[0]));
    if (node !== undefined) change(state, node, row, 1);
  }
  for (const [id, count] of message.cut ?? []) {
    const known = state.details.get(key(id, "transcript"));
    if (known !== undefined) known.parts.length = Math.min(known.parts.length, count);
  }
  for (const [id, ...part] of message.tail ?? []) {
    const known = state.details.get(key(id, "transcript"));
    if (known !== undefined) join(known, part);
  }
  if (message.run !== undefined) state.run = message.run;
  if (message.asks !== undefined) state.asks = message.asks.map(asked);
}

function put(state: RunState, row: WireBody): void {
  const id = Number(row[0]);
  const parent = state.nodes.get(Number(row[1]));
  if (state.nodes.has(id)) return;
  const name = state.names[Number(row[2])] ?? "?";
  const nth = (parent?.kinds.get(name) ?? 0) + 1;
  parent?.kinds.set(name, nth);
  const node: RunNode = {
    id,
    parent: parent === undefined ? -1 : parent.id,
    name,
    isAgent: row[3] === 1,
    label: String(row[4] ?? ""),
    level: parent === undefined ? 1 : parent.level + 1,
    place: parent === undefined ? 0 : parent.children.length,
    nth,
    kinds: new Map(),
    children: [],
    state: 0,
    start: 0,
    end: 0,
    tokens: 0,
    usd: 0,
    unknown: 0,
    below: 0,
    done: 0,
    failed: 0,
    waits: "",
    say: "",
    mark: "",
    answered: "",
    answeredAt: 0,
  };
  state.counts[0] = (state.counts[0] ?? 0) + 1;
  change(state, node, row, 5);
  state.nodes.set(id, node);
  if (parent === undefined) state.root = id;
  else parent.children.push(id);
}

function change(state: RunState, node: RunNode, row: WireBody, at: number): void {
  const number = (i: number) => Number(row[at + i] ?? 0);
  const text = (i: number) => String(row[at + i] ?? "");
  const code = number(0) as StateCode;
  const wasUnsettled = isUnsettled(node);
  if (code !== node.state) {
    state.counts[node.state] = (state.counts[node.state] ?? 0) - 1;
    state.counts[code] = (state.counts[code] ?? 0) + 1;
    node.state = code;
  }
  node.start = number(1);
  node.end = number(2);
  node.tokens = number(3);
  node.usd = number(4);
  node.unknown = number(5);
  node.below = number(6);
  node.done = number(7);
  node.failed = number(8);
  node.waits = text(9);
  node.say = text(10);
  node.mark = number(11) > 0 ? (state.names[number(11) - 1] ?? "") : "";
  node.answered = text(12);
  node.answeredAt = number(13);
  // Its fold may go with it.
  if (node.children.length > 0 && isUnsettled(node) !== wasUnsettled) state.shape++;
}

/** True for what failed, was cut off or still goes on, or has such below it. */
export function isUnsettled(node: RunNode): boolean {
  return (node.state !== 2 && node.state !== 4) || node.failed > 0 || node.done < node.below;
}

function asked(ask: WireAsk): Ask {
  return { id: ask[0], kind: ask[1], what: ask[2], choices: ask[3], question: ask[4] };
}

/** The kernel's clock as it is now. */
export function clock(state: RunState, here: number): number {
  const goesOn = !state.isFinal && (state.run?.state ?? 0) <= 1;
  return state.now + (goesOn ? state.pace * (here - state.nowHere) : 0);
}

export function key(id: number, pane: Pane): string {
  return `${id}/${pane}`;
}

function detail(state: RunState, message: Detail): void {
  const name = key(message.id, message.pane);
  let known = state.details.get(name);
  state.details.delete(name);
  if (known === undefined || (message.at[0] === 0 && message.at[1] === 0)) {
    known = { parts: [], next: null, count: 0 };
  }
  state.details.set(name, known); // last in order: the oldest goes first
  for (const oldest of state.details.keys()) {
    if (state.details.size <= MOST_DETAILS) break;
    state.details.delete(oldest);
  }
  for (const part of message.parts) join(known, part);
  known.next = message.next;
  known.count = message.count;
}

function join(known: Details, [index, offset, kind, title, text, end]: WirePart): void {
  if (index > known.parts.length || index >= MOST_PARTS) return; // a page between is missing
  const there = known.parts[index];
  if (there === undefined || offset === 0) known.parts[index] = { kind, title, text, end };
  else if (there.end === offset) {
    there.text += text;
    there.end = end;
  }
  known.count = Math.max(known.count, index + 1);
}
