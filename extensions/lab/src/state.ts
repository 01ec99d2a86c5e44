// What is known of one kernel, folded from its messages. Nothing here knows a browser.

import type {
  Found,
  Listing,
  Mark,
  Message,
  Offered,
  Pending,
  Row,
  Status,
  Wish,
} from "./messages.js";

/** How the way to a kernel stands, as a person would say it. */
export type Way = "none" | "looking" | "slow" | "absent" | "here" | "dead";

export interface State {
  readonly way: Way;
  /** The number of the last message; a later one that is not the next says that some were lost. */
  readonly n: number;
  readonly isBehind: boolean;
  /** The newest runs without a gap, as far as they were told. */
  readonly runs: ReadonlyMap<string, Row>;
  /** Runs beyond those, which were asked for. */
  readonly others: ReadonlyMap<string, Row>;
  readonly total: number;
  /** What the last question to the kernel found. */
  readonly found: Answer | null;
  readonly offered: Offered;
  /** How often runs changed: what was found before may be found no more. */
  readonly changes: number;
  readonly status: Status;
  readonly pending: readonly Pending[];
  readonly cells: ReadonlyMap<string, Mark>;
  /** The kernel has read its record; until then there may be more runs than it tells of. */
  readonly isRead: boolean;
  /** The kernel speaks another version of this wire. */
  readonly isForeign: boolean;
}

/** The runs of a question by their places, as far as they were told. */
export interface Answer {
  readonly id: number;
  readonly total: number;
  readonly places: ReadonlyMap<number, string>;
  readonly ids: ReadonlyMap<string, number>;
}

export const WIRE = 2;
/** Rows that the kernel tells at once. */
export const PAGE = 200;

export const NOTHING: Status = {
  running: 0,
  waiting: 0,
  tokens: 0,
  usd: 0,
  unpriced: 0,
  left: null,
};

export function begin(way: Way = "none"): State {
  return {
    way,
    n: 0,
    isBehind: false,
    runs: new Map(),
    others: new Map(),
    total: 0,
    found: null,
    offered: { fns: [], tags: [] },
    changes: 0,
    status: NOTHING,
    pending: [],
    cells: new Map(),
    isRead: true,
    isForeign: false,
  };
}

/** A run that is known, in sight or not. */
export function rowOf(state: State, id: string): Row | undefined {
  return state.runs.get(id) ?? state.others.get(id);
}

/**
 * Take in a message. What came before a gap is kept until all was told again. `asked` is the
 * question that is waited for: answers to those of other pages come too.
 */
export function reduce(state: State, message: Message, asked = 0): State {
  const isNext = state.n === 0 || message.n === state.n + 1;
  const after: State = { ...state, n: message.n, isBehind: state.isBehind || !isNext };
  switch (message.t) {
    case "state":
      return listed(whole(after, message), message);
    case "update":
      return listed(after, message);
    case "found":
      return message.id === asked ? found(after, message) : after;
    default:
      return after;
  }
}

function whole(state: State, message: Listing): State {
  // A snapshot in several frames: only the first of them clears.
  if (message.start > 0) return state;
  return {
    ...begin("here"),
    n: message.n,
    isForeign: message.wire !== undefined && message.wire !== WIRE,
  };
}

function listed(state: State, message: Listing): State {
  const runs = new Map(state.runs);
  const others = new Map(state.others);
  for (const name of message.gone) {
    runs.delete(name);
    others.delete(name);
  }
  let oldest = Infinity;
  for (const row of runs.values()) oldest = Math.min(oldest, row.opened);
  const isFirst = message.t === "state" || runs.size < PAGE;
  for (const row of message.runs) {
    // One that is older than all that were told without a gap was asked for by its name.
    if (isFirst || runs.has(row.id) || row.opened >= oldest) {
      runs.set(row.id, row);
      others.delete(row.id);
    } else others.set(row.id, row);
  }
  return {
    ...state,
    way: "here",
    runs,
    others,
    total: Math.max(message.total, runs.size),
    found: state.found === null ? null : without(state.found, message.gone),
    changes: state.changes + (message.runs.length + message.gone.length > 0 ? 1 : 0),
    status: message.status ?? state.status,
    pending: message.pending ?? state.pending,
    cells: message.cells ?? state.cells,
    isRead: message.read ?? state.isRead,
    offered: message.offered ?? state.offered,
  };
}

function without(answer: Answer, gone: readonly string[]): Answer {
  if (!gone.some((name) => answer.ids.has(name))) return answer;
  const places = new Map(answer.places);
  const ids = new Map(answer.ids);
  for (const name of gone) {
    places.delete(ids.get(name) ?? -1);
    ids.delete(name);
  }
  return { ...answer, places, ids };
}

function found(state: State, message: Found): State {
  const before = state.found?.id === message.id ? state.found : null;
  const others = new Map(state.others);
  const places = new Map(before?.places);
  const ids = new Map(before?.ids);
  message.runs.forEach((row, n) => {
    const was = places.get(message.start + n);
    if (was !== undefined && ids.get(was) === message.start + n) ids.delete(was);
    places.set(message.start + n, row.id);
    ids.set(row.id, message.start + n);
    if (!state.runs.has(row.id)) others.set(row.id, row);
  });
  // What ran before has moved on: nothing is at two places, and nothing behind the end.
  for (const [place, id] of places) {
    if (place < message.total && ids.get(id) === place) continue;
    places.delete(place);
    if (ids.get(id) === place) ids.delete(id);
  }
  const runs = new Map(state.runs);
  for (const row of message.runs) if (runs.has(row.id)) runs.set(row.id, row);
  return { ...state, runs, others, found: { id: message.id, total: message.total, places, ids } };
}

/** The kernel is gone: what ran in it does not run any more. */
export function lost(state: State, way: "dead" | "looking" | "none" | "absent"): State {
  return { ...begin(way), cells: way === "dead" ? state.cells : new Map<string, Mark>() };
}

// What is seen of the list.

export const ALL: Wish = {
  text: "",
  fn: "",
  state: "",
  tag: "",
  notebook: "",
  since: null,
  until: null,
  sort: "when",
  down: true,
};

/** Whether a wish is for all runs, the newest first: those are told without a question. */
export function isPlain(wish: Wish): boolean {
  const { text, fn, state, tag, notebook, since, until, sort, down } = wish;
  const isNarrow = [text.trim(), fn, state, tag, notebook].some((one) => one !== "");
  return !isNarrow && since === null && until === null && sort === "when" && down;
}

/** Whether the kernel has to be asked: it knows runs that were not told, and whole arguments. */
export function mustAsk(state: State, wish: Wish): boolean {
  return !isPlain(wish) && (wish.text.trim() !== "" || state.runs.size < state.total);
}

/**
 * The rows that are wanted, of those that were told: as `jupyter/panel/finding.py` does it. Every
 * word must be found in a row.
 */
export function wanted(state: State, wish: Wish): Row[] {
  const words = wish.text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  const kept: Row[] = [];
  for (const row of state.runs.values()) {
    if (passes(row, wish) && words.every((word) => hay(row).includes(word))) kept.push(row);
  }
  const way = wish.down ? -1 : 1;
  const key = KEYS[wish.sort];
  return kept.sort(
    (a, b) => way * compared(key(a), key(b)) || b.opened - a.opened || (a.id < b.id ? -1 : 1),
  );
}

type Key = readonly (string | number)[];

const KEYS: Readonly<Record<Wish["sort"], (row: Row) => Key>> = {
  what: (row) => [(row.title || row.fn).toLowerCase(), row.args.toLowerCase()],
  state: (row) => [row.waits > 0 ? "0" : row.state, row.failed],
  when: (row) => [row.opened],
  notebook: (row) => [fileOf(row.notebook).toLowerCase()],
  // What goes on takes longest.
  time: (row) => [row.seconds ?? Infinity],
  tokens: (row) => [row.tokens],
  money: (row) => [row.usd],
  marks: (row) => [Number(row.pinned), row.tags.join(" ").toLowerCase(), row.how],
};

function compared(a: Key, b: Key): number {
  for (let n = 0; n < a.length; n++) {
    const [one, other] = [a[n] ?? 0, b[n] ?? 0];
    if (one !== other) return one < other ? -1 : 1;
  }
  return 0;
}

function passes(row: Row, wish: Wish): boolean {
  if (wish.fn !== "" && row.fn !== wish.fn) return false;
  if (wish.tag !== "" && !row.tags.includes(wish.tag)) return false;
  if (wish.notebook !== "" && !isOf(row, wish.notebook)) return false;
  if (wish.since !== null && row.opened < wish.since) return false;
  if (wish.until !== null && row.opened >= wish.until) return false;
  return inState(row, wish.state);
}

function inState(row: Row, state: string): boolean {
  switch (state) {
    case "":
      return true;
    case "live":
      return row.state === "Running" || row.state === "Waiting";
    case "asks":
      return row.waits > 0;
    case "failed":
      return row.state === "Error" || row.state === "CutOff";
    default:
      return row.state === state;
  }
}

/** The record has whole paths; a front end knows what is below the server's root. */
export function isOf(row: Row, path: string): boolean {
  return row.notebook === path || row.notebook.endsWith(`/${path}`);
}

export function fileOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function hay(row: Row): string {
  const tags = row.tags.map((tag) => `#${tag}`).join(" ");
  const parts = [row.fn, row.title, row.args, row.note, tags, row.id, row.state, row.error];
  return [...parts, row.how, row.notebook].join("\n").toLowerCase();
}
