// Which rows the list has: those that were told, and those that the kernel is asked for page by page.

import type { Link } from "./link.js";
import type { Source } from "./list.js";
import type { Row, Wish } from "./messages.js";
import { isPlain, mustAsk, PAGE, rowOf, type State, wanted } from "./state.js";

// What was found is looked for again no more often than this, while runs change.
const AGAIN_MS = 700;
// A busy kernel is not asked twice before.
const PATIENCE_MS = 5_000;

export class Asking {
  /** What is asked for, as a text; of which link, and what that link calls it. */
  #key = "";
  #link: Link | null = null;
  #id = 0;
  /** Pages that are as they were when runs last changed. */
  readonly #fresh = new Set<number>();
  #changes = 0;
  /** The page that is waited for, and since when. */
  #waits: { page: number; since: number; seen: unknown } | null = null;
  #again: ReturnType<typeof setTimeout> | null = null;
  #wish: Wish | null = null;

  constructor(
    /** Look again what is to be shown. */
    private readonly renew: () => void,
    private readonly now: () => number = Date.now,
  ) {}

  /** The rows of a wish, as far as they are known here; `isExact` where these are all of them. */
  source(link: Link | null, state: State, wish: Wish): { source: Source; isExact: boolean } {
    this.#turn(link, wish);
    this.#heard(state);
    const told = wanted(state, wish);
    const isAnswered = state.found !== null && state.found.id === this.#id;
    if (mustAsk(state, wish)) {
      return isAnswered
        ? { source: paged(state, []), isExact: true }
        : { source: plain(told), isExact: false };
    }
    if (state.runs.size >= state.total || !isPlain(wish)) {
      return { source: plain(told), isExact: true };
    }
    const source = paged(isAnswered ? state : { ...state, found: null }, told);
    return { source: { ...source, count: state.total }, isExact: true };
  }

  #turn(link: Link | null, wish: Wish): void {
    const key = JSON.stringify(wish);
    if (key === this.#key && link === this.#link) return;
    this.#key = key;
    this.#link = link;
    this.#wish = wish;
    this.#id = 0;
    this.#waits = null;
    this.#fresh.clear();
  }

  /** See whether the answer came that is waited for. */
  #heard(state: State): void {
    if (this.#waits === null || state.found === this.#waits.seen) return;
    if (state.found?.id !== this.#id) return;
    this.#fresh.add(this.#waits.page);
    this.#waits = null;
  }

  /** Ask for what is in sight and was not told, or may be otherwise by now. */
  sight(state: State, first: number, last: number): void {
    const wish = this.#wish;
    if (wish === null || this.#link === null || state.way !== "here") return;
    const isAll = mustAsk(state, wish);
    if (!isAll && (!isPlain(wish) || last <= state.runs.size || state.runs.size >= state.total)) {
      return;
    }
    if (state.found === null && this.#waits === null) this.#fresh.clear();
    if (state.changes !== this.#changes && this.#fresh.size > 0) this.#later();
    if (this.#waits !== null && this.now() - this.#waits.since < PATIENCE_MS) return;
    const from = isAll ? first : Math.max(first, state.runs.size);
    for (let page = Math.floor(from / PAGE); page <= Math.floor(Math.max(0, last - 1) / PAGE);) {
      if (!this.#fresh.has(page)) {
        this.#ask(state, wish, page);
        return;
      }
      page++;
    }
  }

  #ask(state: State, wish: Wish, page: number): void {
    if (this.#fresh.size === 0) this.#changes = state.changes;
    this.#waits = { page, since: this.now(), seen: state.found };
    this.#id = this.#link?.find(wish, page * PAGE, this.#id !== 0) ?? 0;
  }

  #later(): void {
    this.#again ??= setTimeout(() => {
      this.#again = null;
      this.#fresh.clear();
      this.renew();
    }, AGAIN_MS);
  }

  dispose(): void {
    if (this.#again !== null) clearTimeout(this.#again);
  }
}

function plain(rows: readonly Row[]): Source {
  const places = new Map(rows.map((row, place) => [row.id, place]));
  return {
    count: rows.length,
    at: (place) => rows[place],
    placeOf: (id) => places.get(id) ?? -1,
  };
}

/** Rows of an answer, which came page by page, behind those that are known without one. */
function paged(state: State, known: readonly Row[]): Source {
  const head = plain(known);
  const { found } = state;
  return {
    count: found?.total ?? known.length,
    at: (place) => {
      if (place < known.length) return known[place];
      const id = found?.places.get(place);
      return id === undefined ? undefined : rowOf(state, id);
    },
    placeOf: (id) => {
      const place = head.placeOf(id);
      return place < 0 ? (found?.ids.get(id) ?? -1) : place;
    },
  };
}
