// What is known of one kernel, folded from its messages. Nothing here knows a browser.

import type { Listing, Mark, Message, Pending, Row, Status } from "./messages.js";

/** How the way to a kernel stands, as a person would say it. */
export type Way = "none" | "looking" | "slow" | "absent" | "here" | "dead";

export interface State {
  readonly way: Way;
  /** The number of the last message; a later one that is not the next says that some were lost. */
  readonly n: number;
  readonly isBehind: boolean;
  readonly runs: ReadonlyMap<string, Row>;
  readonly total: number;
  readonly status: Status;
  readonly pending: readonly Pending[];
  readonly cells: ReadonlyMap<string, Mark>;
  /** The kernel has read its record; until then there may be more runs than it tells of. */
  readonly isRead: boolean;
  /** The kernel speaks another version of this wire. */
  readonly isForeign: boolean;
}

export const WIRE = 1;

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
    total: 0,
    status: NOTHING,
    pending: [],
    cells: new Map(),
    isRead: true,
    isForeign: false,
  };
}

/** Take in a message. What came before a gap is kept until all was told again. */
export function reduce(state: State, message: Message): State {
  const isNext = state.n === 0 || message.n === state.n + 1;
  const after: State = { ...state, n: message.n, isBehind: state.isBehind || !isNext };
  switch (message.t) {
    case "state":
      return listed(whole(after, message), message);
    case "update":
    case "page":
      return listed(after, message);
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
  for (const name of message.gone) runs.delete(name);
  for (const row of message.runs) runs.set(row.id, row);
  return {
    ...state,
    way: "here",
    runs,
    total: Math.max(message.total, runs.size),
    status: message.status ?? state.status,
    pending: message.pending ?? state.pending,
    cells: message.cells ?? state.cells,
    isRead: message.read ?? state.isRead,
  };
}

/** The kernel is gone: what ran in it does not run any more. */
export function lost(state: State, way: "dead" | "looking" | "none" | "absent"): State {
  return { ...begin(way), cells: way === "dead" ? state.cells : new Map<string, Mark>() };
}

// What is seen of the list.

export type Filter = "all" | "live" | "asks" | "failed" | "notebook";
export const FILTERS: readonly Filter[] = ["all", "live", "asks", "failed", "notebook"];

export interface Wanted {
  readonly search: string;
  readonly filter: Filter;
  readonly notebook: string;
}

/** The rows that are wanted, newest first. Every word of the search must be found in a row. */
export function wanted(state: State, by: Wanted): Row[] {
  const words = by.search
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  const found: Row[] = [];
  for (const row of state.runs.values()) {
    if (passes(row, by) && words.every((word) => hay(row).includes(word))) found.push(row);
  }
  return found.sort((a, b) => b.opened - a.opened || (a.id < b.id ? -1 : 1));
}

function passes(row: Row, by: Wanted): boolean {
  switch (by.filter) {
    case "all":
      return true;
    case "live":
      return row.state === "Running" || row.state === "Waiting";
    case "asks":
      return row.waits > 0;
    case "failed":
      return row.state === "Error" || row.state === "CutOff";
    case "notebook":
      return isOf(row, by.notebook);
  }
}

/** The record has whole paths; a front end knows what is below the server's root. */
export function isOf(row: Row, path: string): boolean {
  return row.notebook === path || row.notebook.endsWith(`/${path}`);
}

function hay(row: Row): string {
  return `${row.fn} ${row.id} ${row.state} ${row.error} ${row.notebook} ${row.how}`.toLowerCase();
}
