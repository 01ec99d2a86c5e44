// One run's state and whoever looks at it, behind whatever carries the messages.

import type { Command, Link, Pane } from "./messages.js";
import { __ } from "./tongue.js";
import type { Player } from "./player.js";
import { begin, key, reduce, type RunState } from "./state.js";

// A command as its sender makes it; its mark is added when it is sent.
type Bare<C> = C extends { readonly ask: string } ? Omit<C, "ask"> : never;
export type Asked = Bare<Command>;

// A snapshot that was asked for and did not come is asked for again.
const AGAIN_MS = 2_000;
const NOTE_MS = 10_000;
// So many pages of one pane come by themselves; then a person asks for more.
const PAGES_AHEAD = 4;

const PAGE = Symbol.for("netflux_nb.page");

/** What this page is called: the kernel tells a page that was loaded again by it. */
function page(): string {
  const shelf = globalThis as { [PAGE]?: string | undefined };
  shelf[PAGE] ??= Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
  return shelf[PAGE];
}

export class Store {
  readonly state: RunState = begin();
  /** Commands on their way, by their mark. */
  readonly pending = new Map<string, Asked>();
  /** What the kernel last said to a command of this page. */
  note: { readonly ok: boolean; readonly text: string } | null = null;

  readonly #link: Link;
  readonly #off: () => void;
  readonly #watchers = new Set<() => void>();
  readonly #pages = new Map<string, number>();
  #asked = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #noteTimer: ReturnType<typeof setTimeout> | null = null;

  /** `player` where the run is played again: then there is nobody to obey. */
  constructor(
    link: Link,
    readonly player: Player | null = null,
  ) {
    this.#link = link;
    this.#off = link.listen((message) => {
      reduce(this.state, message, performance.now());
      if (message.t === "told") this.#told(message.ask, message.ok, message.text);
      if (message.t === "detail") this.#goOn(message.id, message.pane);
      if (this.state.isBehind && this.state.half === null) this.hello();
      this.#tell();
    });
    this.hello();
  }

  /** Ask for all of it, now and until it comes. */
  hello(): void {
    if (this.#timer !== null) return;
    this.#link.send({ t: "hello", page: page() });
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.state.isBehind) this.hello();
    }, AGAIN_MS);
  }

  watch(call: () => void): () => void {
    this.#watchers.add(call);
    return () => this.#watchers.delete(call);
  }

  /** Ask for a pane of a Node: from its beginning, or what follows. */
  look(id: number, pane: Pane, more = false): void {
    const name = key(id, pane);
    const next = more ? this.state.details.get(name)?.next : null;
    this.#pages.set(name, more ? PAGES_AHEAD : 0);
    this.#link.send({ t: "detail", id, pane, at: next ? [next[0], next[1]] : [0, 0] });
  }

  #goOn(id: number, pane: Pane): void {
    const name = key(id, pane);
    const seen = (this.#pages.get(name) ?? 0) + 1;
    this.#pages.set(name, seen);
    const next = this.state.details.get(name)?.next;
    if (next && seen < PAGES_AHEAD) {
      this.#link.send({ t: "detail", id, pane, at: [next[0], next[1]] });
    }
  }

  command(asked: Asked): void {
    this.#asked++;
    const ask = `${page()}-${this.#asked}`;
    this.pending.set(ask, asked);
    this.#link.send({ ...asked, ask });
    this.#say({ ok: true, text: __("Sent. The kernel has not answered yet.") });
    this.#tell();
  }

  isPending(id: number): boolean {
    for (const asked of this.pending.values()) if (asked.id === id) return true;
    return false;
  }

  #told(ask: string, ok: boolean, text: string): void {
    if (!this.pending.delete(ask)) return; // another page asked
    this.#say({ ok, text });
  }

  #say(note: { readonly ok: boolean; readonly text: string }): void {
    this.note = note;
    if (this.#noteTimer !== null) clearTimeout(this.#noteTimer);
    this.#noteTimer = setTimeout(() => {
      this.note = null;
      this.#tell();
    }, NOTE_MS);
  }

  #tell(): void {
    for (const call of this.#watchers) call();
  }

  close(): void {
    this.player?.close();
    this.#off();
    this.#watchers.clear();
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#noteTimer !== null) clearTimeout(this.#noteTimer);
  }
}
