// Which rows are seen, in which order, and where a key leads.

import { FEW_NODES, OPEN_CHILDREN, OPEN_LEVELS } from "./look.js";
import type { StateCode } from "./messages.js";
import { isUnsettled, type RunNode, type RunState } from "./state.js";

/** Which Nodes a person wants to see: by words, by state, by what is folded. */
export interface Wish {
  readonly search: string;
  readonly states: ReadonlySet<StateCode>;
  /** Nodes whose fold differs from what it would be by itself. */
  readonly folds: ReadonlyMap<number, boolean>;
}

export interface Listing {
  readonly ids: readonly number[];
  /** Those that match; the others only lead to them. All, where nothing was asked for. */
  readonly matches: ReadonlySet<number> | null;
  readonly places: ReadonlyMap<number, number>;
}

// Of a path that is longer, the end is said.
const MOST_STEPS = 20;

/** Where a Node stands, as one writes it; its name alone where siblings of its are not told. */
export function pathOf(state: RunState, node: RunNode): string {
  if (state.run === null || state.run.left_out > 0) return node.name;
  const steps: string[] = [];
  let at: RunNode | undefined = node;
  while (at !== undefined && steps.length < MOST_STEPS) {
    steps.unshift(stepOf(state, at));
    at = state.nodes.get(at.parent);
  }
  return `${at === undefined ? "" : "…/"}${steps.join("/")}`;
}

/** Its step of a path, as the static tree has it: the second of a name is `name[2]`. */
export function stepOf(state: RunState, node: RunNode): string {
  const isKnown = node.nth > 1 && (state.run?.left_out ?? 0) === 0;
  return isKnown ? `${node.name}[${String(node.nth)}]` : node.name;
}

/** Say whether it is unfolded: in a larger tree what succeeded is not, as where it stays. */
export function isOpen(
  state: RunState,
  node: RunNode,
  folds: ReadonlyMap<number, boolean>,
): boolean {
  const said = folds.get(node.id);
  if (said !== undefined) return said;
  if (node.level === 1) return true;
  if (node.level > OPEN_LEVELS || node.children.length > OPEN_CHILDREN) return false;
  // What an agent called, and its conversation, are looked at one by one.
  if (node.isAgent && !isUnsettled(node)) return false;
  const count = state.nodes.size + (state.run?.left_out ?? 0);
  return count <= FEW_NODES || isUnsettled(node);
}

export function isAsked(wish: Wish): boolean {
  return wish.search.trim() !== "" || wish.states.size > 0;
}

export function list(state: RunState, wish: Wish): Listing {
  const matches = isAsked(wish) ? found(state, wish) : null;
  const shown = matches === null ? null : withAbove(state, matches);
  const ids: number[] = [];
  const places = new Map<number, number>();
  const stack = state.nodes.has(state.root) ? [state.root] : [];
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    const node = state.nodes.get(id);
    if (node === undefined || (shown !== null && !shown.has(id))) continue;
    places.set(id, ids.length);
    ids.push(id);
    // What leads to a match is open, unless somebody folded it.
    const open = shown === null ? isOpen(state, node, wish.folds) : wish.folds.get(id) !== false;
    if (!open) continue;
    for (let i = node.children.length - 1; i >= 0; i--) {
      const child = node.children[i];
      if (child !== undefined) stack.push(child);
    }
  }
  return { ids, matches, places };
}

function found(state: RunState, wish: Wish): Set<number> {
  const words = wish.search.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = new Set<number>();
  for (const node of state.nodes.values()) {
    if (wish.states.size > 0 && !wish.states.has(node.state)) continue;
    if (words.length > 0) {
      const text =
        `${node.name} ${node.label} ${node.say} ${node.waits} ${node.mark}`.toLowerCase();
      if (!words.every((word) => text.includes(word))) continue;
    }
    matches.add(node.id);
  }
  return matches;
}

function withAbove(state: RunState, matches: ReadonlySet<number>): Set<number> {
  const shown = new Set<number>();
  for (const id of matches) {
    let above: number = id;
    while (above >= 0 && !shown.has(above)) {
      shown.add(above);
      above = state.nodes.get(above)?.parent ?? -1;
    }
  }
  return shown;
}

export type Move =
  { readonly to: number } | { readonly fold: number; readonly open: boolean } | null;

/** Say where a key leads from a row, as trees everywhere answer to keys. */
export function move(
  state: RunState,
  listing: Listing,
  wish: Wish,
  active: number,
  pressed: string,
  page: number,
): Move {
  const at = listing.places.get(active) ?? 0;
  const last = listing.ids.length - 1;
  const to = (place: number): Move => {
    const id = listing.ids[Math.min(last, Math.max(0, place))];
    return id === undefined ? null : { to: id };
  };
  switch (pressed) {
    case "ArrowDown":
      return to(at + 1);
    case "ArrowUp":
      return to(at - 1);
    case "Home":
      return to(0);
    case "End":
      return to(last);
    case "PageDown":
      return to(at + page);
    case "PageUp":
      return to(at - page);
  }
  const node = state.nodes.get(active);
  if (node === undefined) return null;
  const next = state.nodes.get(listing.ids[at + 1] ?? -1);
  const open =
    next?.parent === node.id || (node.children.length > 0 && isOpen(state, node, wish.folds));
  switch (pressed) {
    case "ArrowRight":
      if (node.children.length === 0) return null;
      return open ? to(at + 1) : { fold: node.id, open: true };
    case "ArrowLeft":
      if (open && node.children.length > 0) return { fold: node.id, open: false };
      return node.parent < 0 ? null : { to: node.parent };
  }
  return null;
}

/** Find the next row, after the active one and around, whose name begins so. */
export function typed(state: RunState, listing: Listing, active: number, text: string): number {
  const sought = text.toLowerCase();
  const at = listing.places.get(active) ?? 0;
  const from = text.length === 1 ? 1 : 0; // a longer text may still be the row it led to
  for (let i = from; i < listing.ids.length + from; i++) {
    const id = listing.ids[(at + i) % listing.ids.length];
    if (id !== undefined && state.nodes.get(id)?.name.toLowerCase().startsWith(sought)) return id;
  }
  return -1;
}
