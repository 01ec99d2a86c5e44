// A recorded run played again: it answers a view as a kernel would, from a list of changes.
//
// Nothing here knows a browser but the clock of frames, which is handed in.

import type {
  Command,
  Detail,
  Link,
  Message,
  RunFacts,
  StateCode,
  WireBody,
  WirePart,
} from "./messages.js";
import type { RunNode } from "./state.js";

/** id, parent, name, isAgent, label, called, began, ended, state, what came of it, its mark;
 * who answered what it asked, and when */
export type PlayedNode = readonly [
  number,
  number,
  number,
  number,
  string,
  number,
  number,
  number,
  StateCode,
  string,
  number,
  number?,
  number?,
];
type Piece = readonly [string, string, string];
type TimedPiece = readonly [number, string, string, string];

export interface Playback {
  readonly v: number;
  readonly name: string;
  readonly left_out: number;
  /** All times are milliseconds since the run began. */
  readonly took: number;
  readonly names: readonly string[];
  /** What rows say of where they come from; a row has its place in it, from 1. */
  readonly marks?: readonly string[];
  readonly from?: string;
  /** When it began, in seconds since 1970. */
  readonly since?: number;
  readonly nodes: readonly PlayedNode[];
  /** when, node, tokens, USD, requests of unknown price */
  readonly spent: readonly (readonly [number, number, number, number, number])[];
  /** when, node, what it waits for, a line about it */
  readonly turns: readonly (readonly [number, number, string, string])[];
  readonly panes: Readonly<
    Record<
      string,
      {
        readonly inputs?: readonly Piece[];
        readonly result?: readonly Piece[];
        readonly error?: readonly Piece[];
        readonly policy?: readonly Piece[];
        readonly state?: readonly Piece[];
        readonly transcript?: readonly TimedPiece[];
      }
    >
  >;
  /** Nodes of which there was no room for more than their rows. */
  readonly unsent: number;
}

/** As fast as it shows: a change a frame. */
export const FASTEST = Infinity;
export const SPEEDS: readonly number[] = [0.25, 0.5, 1, 2, 4, 8, 16, FASTEST];
// What nobody chooses, but a run of some milliseconds needs.
const SLOWER: readonly number[] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1];
// A wait in which nothing changes is shortened to so many recorded milliseconds.
const MOST_WAIT = 5_000;
// How long it is to take by itself: as there is something to see, within bounds.
const A_CHANGE = 250;
const LEAST = 2_000;
const MOST = 8_000;
// A page that was asleep does not leap.
const MOST_FRAME = 100;

type Told = "state" | "start" | "end" | "tokens" | "usd" | "unknown" | "below" | "done";

interface Live extends Pick<RunNode, Told | "failed" | "waits" | "say"> {
  readonly row: PlayedNode;
  readonly parent: Live | null;
  isOpen: boolean;
}

interface Moment {
  readonly at: number;
  readonly apply: (player: Player) => void;
}

export type Frames = (call: (now: number) => void) => number;

/** Plays a run. It is the link of a store: what it tells is what a kernel would have told then. */
export class Player implements Link {
  readonly #run: Playback;
  readonly #frames: Frames;
  readonly #moments: Moment[] = [];
  /** Times at which something changes, and where each is on the way that is watched. */
  readonly #times: number[] = [];
  readonly #places: number[] = [];
  readonly #nodes = new Map<number, Live>();
  readonly #dirty = new Set<Live>();
  readonly #added: Live[] = [];
  readonly #followed = new Map<number, number>();
  readonly #watchers = new Set<() => void>();
  #tell: (message: Message) => void = () => undefined;
  #seq = 0;
  #next = 0;
  #place = 0;
  #speed: number;
  #isPlaying = false;
  #hasFrame = false;
  #framed: number | null = null;

  constructor(run: Playback, speed: number | null = null, frames: Frames = requestFrame) {
    this.#run = run;
    this.#frames = frames;
    this.#read();
    this.#speed = speed ?? fitting(this.length, this.#times.length);
    this.#reset();
    this.#go(0);
  }

  // What is known of it.

  /** How long it is, and where it is, in recorded milliseconds, long waits shortened. */
  get length(): number {
    return this.#places.at(-1) ?? 0;
  }

  get place(): number {
    return this.#place;
  }

  /** How long it took, and when it is now, as it was recorded. */
  get took(): number {
    return this.#run.took;
  }

  get now(): number {
    return this.#timeAt(this.#place);
  }

  /** How much of it is not waited for again. */
  get shortened(): number {
    return Math.max(0, this.#run.took - this.length);
  }

  get speed(): number {
    return this.#speed;
  }

  get isPlaying(): boolean {
    return this.#isPlaying;
  }

  get isAtEnd(): boolean {
    return this.#next >= this.#moments.length && this.#place >= this.length;
  }

  watch(call: () => void): () => void {
    this.#watchers.add(call);
    return () => this.#watchers.delete(call);
  }

  // What a person does.

  play(): void {
    if (this.#isPlaying) return;
    if (this.isAtEnd) this.seek(0);
    this.#isPlaying = true;
    this.#framed = null;
    this.#frame();
    this.#say();
  }

  pause(): void {
    if (!this.#isPlaying) return;
    this.#isPlaying = false;
    this.#say();
  }

  toggle(): void {
    if (this.#isPlaying) this.pause();
    else this.play();
  }

  restart(): void {
    this.seek(0);
    this.play();
  }

  /** Go to the next change, or to the one before. */
  step(by: 1 | -1): void {
    this.#isPlaying = false;
    const place =
      by > 0
        ? this.#places.find((one) => one > this.#place)
        : last(this.#places, (one) => one < this.#place);
    this.seek(place ?? (by > 0 ? this.length : 0));
  }

  seek(place: number): void {
    const to = Math.min(this.length, Math.max(0, place));
    if (to < this.#place) {
      this.#reset();
      this.#go(to);
      this.#snap();
    } else this.#go(to);
    this.#say();
  }

  setSpeed(speed: number): void {
    this.#speed = speed;
    this.#say();
  }

  /** One speed faster or slower. */
  change(by: 1 | -1): void {
    const all = [...SLOWER, ...SPEEDS];
    const other =
      by > 0 ? all.find((one) => one > this.#speed) : last(all, (one) => one < this.#speed);
    if (other !== undefined) this.setSpeed(other);
  }

  /** Let so many milliseconds of the watcher's time pass. */
  advance(millis: number): void {
    if (!this.#isPlaying) return;
    const to =
      this.#speed === FASTEST
        ? (this.#places.find((one) => one > this.#place) ?? this.length)
        : this.#place + millis * this.#speed;
    const isOver = to >= this.length;
    if (isOver) this.#isPlaying = false;
    this.#go(Math.min(this.length, to));
    this.#say();
  }

  close(): void {
    this.#isPlaying = false;
    this.#watchers.clear();
  }

  // What a view asks, as it would ask a kernel.

  send(command: Command): void {
    if (command.t === "hello") this.#snap();
    if (command.t === "detail") this.#detail(command.id, command.pane);
  }

  listen(tell: (message: Message) => void): () => void {
    this.#tell = tell;
    return () => {
      this.#tell = () => undefined;
    };
  }

  // How it is read.

  #read(): void {
    const { nodes, spent, turns, took } = this.#run;
    const moments: { at: number; order: number; apply: Moment["apply"] }[] = [];
    const opened = new Map<number, number>();
    for (const row of nodes) {
      const [id, parent, , , , called, began, ended, state, came] = row;
      if (this.#nodes.has(id)) continue;
      const above = this.#nodes.get(parent) ?? null;
      if (above === null && this.#nodes.size > 0) continue; // there is one root
      const live = { ...blank(row), parent: above };
      this.#nodes.set(id, live);
      // A record may come from anybody: none begins before who called it, or ends before it began.
      const open = Math.max(called, opened.get(parent) ?? 0);
      opened.set(id, open);
      const end = state === 5 || ended === 0 ? took : Math.max(ended, open);
      moments.push({
        at: open,
        order: 0,
        apply: (player) => {
          player.#open(live);
        },
      });
      if (began > 0) {
        moments.push({
          at: Math.max(began, open),
          order: 1,
          apply: (player) => {
            live.state = 1;
            live.start = Math.max(0.01, began);
            player.#touch(live);
          },
        });
      }
      if (state >= 2) {
        moments.push({
          at: end,
          order: 4,
          apply: (player) => {
            player.#end(live, state, state === 5 ? 0 : Math.max(0.01, end), came);
          },
        });
      }
    }
    for (const [at, id, tokens, usd, unknown] of spent) {
      const live = this.#nodes.get(id);
      if (live === undefined) continue;
      moments.push({
        at: Math.max(at, opened.get(id) ?? 0),
        order: 3,
        apply: (player) => {
          for (let one: Live | null = live; one !== null; one = one.parent) {
            one.tokens += tokens;
            one.usd += usd;
            one.unknown += unknown;
            player.#touch(one);
          }
        },
      });
    }
    for (const [at, id, waits, words] of turns) {
      const live = this.#nodes.get(id);
      if (live === undefined) continue;
      moments.push({
        at: Math.max(at, opened.get(id) ?? 0),
        order: 2,
        apply: (player) => {
          if (live.end > 0) return;
          live.waits = waits;
          live.say = words;
          player.#touch(live);
        },
      });
    }
    moments.sort((a, b) => a.at - b.at || a.order - b.order);
    this.#moments.push(...moments);
    this.#measure();
  }

  /** Lay the times on the way that is watched: a long wait is a short piece of it. */
  #measure(): void {
    const times = [...new Set([0, ...this.#moments.map((one) => one.at), this.#run.took])];
    times.sort((a, b) => a - b);
    let place = 0;
    times.forEach((time, i) => {
      place += Math.min(MOST_WAIT, time - (times[i - 1] ?? 0));
      this.#times.push(time);
      this.#places.push(place);
    });
  }

  #timeAt(place: number): number {
    const at = this.#places.findIndex((one) => one >= place);
    if (at < 0) return this.#run.took;
    const to = this.#places[at] ?? 0;
    const from = this.#places[at - 1] ?? 0;
    const since = this.#times[at - 1] ?? 0;
    const until = this.#times[at] ?? 0;
    return to === from ? until : since + ((place - from) / (to - from)) * (until - since);
  }

  // How it is told.

  #reset(): void {
    for (const live of this.#nodes.values()) Object.assign(live, blank(live.row));
    this.#next = 0;
    this.#place = 0;
    this.#dirty.clear();
    this.#added.length = 0;
  }

  /** Make all changes up to a place, and tell them. */
  #go(place: number): void {
    this.#place = place;
    const now = this.now;
    for (let one = this.#moments[this.#next]; one !== undefined && one.at <= now;) {
      one.apply(this);
      this.#next++;
      one = this.#moments[this.#next];
    }
    this.#flush(now);
  }

  #open(live: Live): void {
    live.isOpen = true;
    this.#added.push(live);
    for (let one = live.parent; one !== null; one = one.parent) {
      one.below++;
      this.#touch(one);
    }
  }

  #end(live: Live, state: StateCode, end: number, came: string): void {
    live.state = state;
    live.end = end;
    live.waits = "";
    live.say = came;
    this.#touch(live);
    if (state === 5) return; // it has no outcome
    for (let one = live.parent; one !== null; one = one.parent) {
      one.done++;
      if (state === 3) one.failed++;
      this.#touch(one);
    }
  }

  #touch(live: Live): void {
    this.#dirty.add(live);
  }

  #flush(now: number): void {
    const add = this.#added.map((live) => this.#whole(live));
    const fresh = new Set(this.#added);
    const upd: WireBody[] = [];
    for (const live of this.#dirty)
      if (!fresh.has(live)) upd.push([live.row[0], ...this.#body(live)]);
    this.#added.length = 0;
    this.#dirty.clear();
    const tail = this.#tails(now);
    this.#seq++;
    this.#tell({
      t: "delta",
      seq: this.#seq,
      now,
      pace: this.#pace(),
      add,
      upd,
      tail,
      run: this.#facts(),
    });
  }

  #snap(): void {
    const open = [...this.#nodes.values()].filter((live) => live.isOpen);
    this.#tell({
      t: "snap",
      seq: this.#seq,
      part: 0,
      parts: 1,
      now: this.now,
      pace: this.#pace(),
      names: [...this.#run.names, ...(this.#run.marks ?? [])],
      rows: open.map((live) => this.#whole(live)),
      run: this.#facts(),
      asks: [],
    });
    // A conversation that is looked at is as it was then.
    for (const id of [...this.#followed.keys()]) this.#detail(id, "transcript");
  }

  #pace(): number {
    return this.#isPlaying && this.#speed !== FASTEST ? this.#speed : 0;
  }

  #facts(): RunFacts {
    const root = this.#run.nodes[0];
    const live = root === undefined ? undefined : this.#nodes.get(root[0]);
    return {
      name: this.#run.name,
      fn: this.#run.names[root?.[2] ?? 0] ?? "",
      from: this.#run.from ?? "",
      state: live?.state ?? 0,
      since: this.#run.since ?? 0,
      left_out: this.#run.left_out,
      asks: 0,
    };
  }

  #whole(live: Live): WireBody {
    const [id, parent, name, isAgent, label] = live.row;
    return [id, live.parent === null ? -1 : parent, name, isAgent, label, ...this.#body(live)];
  }

  #body(live: Live): (number | string)[] {
    const { state, start, end, tokens, usd, unknown, below, done, failed, waits, say } = live;
    const [, , , , , , , , , , nth, who = 0, when = 0] = live.row;
    // What is known of its end is not said before it.
    const mark = end > 0 && nth > 0 ? this.#run.names.length + nth : 0;
    const answer = end > 0 && who > 0 ? [this.#run.marks?.[who - 1] ?? "", when] : [];
    const row = [state, start, end, tokens, usd, unknown, below, done, failed, waits, say, mark];
    return [...row, ...answer];
  }

  #detail(id: number, pane: Detail["pane"]): void {
    const live = this.#nodes.get(id);
    if (live === undefined || pane === "asked") return;
    const known = this.#run.panes[String(id)];
    let pieces: readonly Piece[] = [];
    if (pane === "transcript") {
      const now = this.now;
      const said = (known?.transcript ?? []).filter(([at]) => at <= now);
      pieces = said.map(([, ...piece]) => piece);
      this.#followed.delete(id);
      this.#followed.set(id, pieces.length);
      const oldest = this.#followed.keys().next().value;
      if (this.#followed.size > 8 && oldest !== undefined) this.#followed.delete(oldest);
    } else if (pane === "inputs" || live.end > 0) pieces = known?.[pane] ?? [];
    if (known === undefined && this.#run.unsent > 0) {
      pieces = [["note", "", "What stands behind this row did not fit in: the record has it."]];
    }
    this.#tell({
      t: "detail",
      id,
      pane,
      at: [0, 0],
      parts: pieces.map((piece, i) => part(piece, i)),
      next: null,
      count: pieces.length,
    });
  }

  #tails(now: number): (readonly [number, ...WirePart])[] {
    const found: (readonly [number, ...WirePart])[] = [];
    for (const [id, count] of this.#followed) {
      const said = this.#run.panes[String(id)]?.transcript ?? [];
      let at = count;
      for (let one = said[at]; one !== undefined && one[0] <= now; one = said[at]) {
        found.push([id, ...part([one[1], one[2], one[3]], at)]);
        at++;
      }
      this.#followed.set(id, at);
    }
    return found;
  }

  #frame(): void {
    if (this.#hasFrame) return;
    this.#hasFrame = true;
    this.#frames((now) => {
      this.#hasFrame = false;
      if (!this.#isPlaying) return;
      this.#frame();
      const passed = this.#framed === null ? 0 : now - this.#framed;
      this.#framed = now;
      this.advance(Math.min(MOST_FRAME, Math.max(0, passed)));
    });
  }

  #say(): void {
    // The clock of rows that go on stands while it is paused.
    if (!this.#isPlaying) this.#flush(this.now);
    for (const call of this.#watchers) call();
  }
}

function last(all: readonly number[], fits: (one: number) => boolean): number | undefined {
  for (let i = all.length - 1; i >= 0; i--) {
    const one = all[i];
    if (one !== undefined && fits(one)) return one;
  }
  return undefined;
}

function requestFrame(call: (now: number) => void): number {
  return requestAnimationFrame(call);
}

function blank(row: PlayedNode): Omit<Live, "parent"> {
  return {
    row,
    isOpen: false,
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
  };
}

function part([kind, title, text]: Piece, index: number): WirePart {
  return [index, 0, kind, title, text, text.length];
}

/** The speed at which it takes about as long as there is something to see. */
export function fitting(length: number, changes: number): number {
  const wanted = Math.min(MOST, Math.max(LEAST, changes * A_CHANGE));
  const known = [...SLOWER, ...SPEEDS].filter(Number.isFinite);
  return last(known, (one) => length / one >= wanted) ?? known[0] ?? 1;
}

/** Read what was sent; null where it is none of ours. */
export function readPlayback(text: string): Playback | null {
  try {
    const found = JSON.parse(text) as Partial<Playback> | null;
    return found?.v === 1 && Array.isArray(found.nodes) ? (found as Playback) : null;
  } catch {
    return null;
  }
}
