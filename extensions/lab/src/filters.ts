// What the list is narrowed to: a search, and filters by notebook, state, Function, tag and day.

import { button, make } from "./dom.js";
import { COLUMNS, columnWord } from "./list.js";
import { type Offered, SORTS, type Sort, type Wish } from "./messages.js";
import type { Choices } from "./settings.js";
import { ALL } from "./state.js";
import type { Words } from "./words.js";

// A search is asked for when a person pauses.
const PAUSE_MS = 250;
const MOST_CHARS = 200;

/** What of the filters outlives a reload. Days are as an input has them. */
export interface Kept {
  readonly search: string;
  readonly ours: boolean;
  readonly state: string;
  readonly fn: string;
  readonly tag: string;
  readonly from: string;
  readonly to: string;
  readonly sort: Sort;
  readonly down: boolean;
}

export const FIRST: Kept = {
  search: "",
  ours: false,
  state: "",
  fn: "",
  tag: "",
  from: "",
  to: "",
  sort: "when",
  down: true,
};

/** Read what was kept, by any version. */
export function keptOf(value: unknown): Kept {
  const given = (typeof value === "object" && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  const text = (name: string): string => {
    const one = given[name];
    return typeof one === "string" ? one.slice(0, MOST_CHARS) : "";
  };
  return {
    search: text("search"),
    ours: given["ours"] === true,
    state: text("state"),
    fn: text("fn"),
    tag: text("tag"),
    from: text("from"),
    to: text("to"),
    sort: SORTS.find((one) => one === given["sort"]) ?? "when",
    down: given["down"] !== false,
  };
}

/** Seconds since 1970 at which a day begins here, or the day after it; null for what is no day. */
export function dayOf(text: string, after = 0): number | null {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (parts === null) return null;
  const [, year, month, day] = parts.map(Number);
  const at = new Date(year ?? 0, (month ?? 1) - 1, (day ?? 1) + after).getTime();
  return Number.isFinite(at) ? at / 1000 : null;
}

export function wishOf(kept: Kept, notebook: string): Wish {
  const { state, fn, tag, sort, down } = kept;
  return {
    ...ALL,
    text: kept.search,
    notebook: kept.ours ? notebook : "",
    since: dayOf(kept.from),
    until: dayOf(kept.to, 1),
    state,
    fn,
    tag,
    sort,
    down,
  };
}

export class Filters {
  readonly node: HTMLElement;
  readonly search: HTMLInputElement;
  #kept = FIRST;
  readonly #ours: HTMLSelectElement;
  readonly #state: HTMLSelectElement;
  readonly #fn: HTMLSelectElement;
  readonly #tag: HTMLSelectElement;
  readonly #from: HTMLInputElement;
  readonly #to: HTMLInputElement;
  readonly #sort: HTMLSelectElement;
  readonly #way: HTMLButtonElement;
  readonly #more: HTMLElement;
  readonly #toggle: HTMLButtonElement;
  readonly #columns: HTMLElement;
  #offered: Offered | null = null;
  #pause: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly trans: Words,
    private readonly choices: Choices,
    private readonly changed: (kept: Kept) => void,
    ...beside: HTMLElement[]
  ) {
    const say = (text: string): string => trans.__(text);
    this.search = make("input", "nfx-input nfx-search", {
      type: "search",
      placeholder: say("Search runs"),
      "aria-label": say("Search runs"),
      title: say("In names, arguments, errors, notes and tags"),
      maxlength: String(MOST_CHARS),
    });
    this.#ours = this.#select(say("Which runs"), [
      ["", say("All runs")],
      ["ours", say("This notebook")],
    ]);
    this.#state = this.#select(say("State"), [
      ["", say("Any state")],
      ["live", say("Running")],
      ["asks", say("Waiting for you")],
      ["failed", say("Error or cut off")],
      ["Success", say("Success")],
      ["Canceled", say("Canceled")],
    ]);
    this.#fn = this.#select(say("Function"), [["", say("Any Function")]]);
    this.#tag = this.#select(say("Tag"), [["", say("Any tag")]]);
    this.#from = this.#day(say("Begun on this day or later"));
    this.#to = this.#day(say("Begun on this day or before"));
    this.#sort = this.#select(
      say("Sort by"),
      SORTS.map((one) => [one, columnWord(one, trans)] as const),
    );
    this.#way = button("nfx-icon nfx-turn", "▼", say("Turn the order around"), () => {
      this.#keep({ down: !this.#kept.down });
    });
    this.#toggle = button("nfx-icon nfx-more", "⚙", say("Filters, order and columns"), () => {
      this.open = this.#more.hidden;
    });
    this.#columns = make("fieldset", "nfx-columns", {}, make("legend", "", {}, say("Columns")));
    const clear = button("nfx-clear", say("Clear filters"), say("Clear filters"), () => {
      this.restore(FIRST);
      this.changed(this.#kept);
    });
    const days = make("div", "nfx-days", {}, say("From"), this.#from, say("to"), this.#to);
    const order = make("div", "nfx-order", {}, say("Sort by"), this.#sort, this.#way);
    this.#more = make(
      "div",
      "nfx-filters",
      {
        role: "group",
        "aria-label": say("Filters, order and columns"),
        id: `nfx-${Math.random()}`,
      },
      this.#state,
      this.#fn,
      this.#tag,
      days,
      order,
      this.#columns,
      clear,
    );
    this.#toggle.setAttribute("aria-controls", this.#more.id);
    this.node = make(
      "div",
      "nfx-top-bar",
      { role: "search" },
      make("div", "nfx-bar", {}, this.search, this.#ours, this.#toggle, ...beside),
      this.#more,
    );
    this.open = false;
    this.search.addEventListener("input", () => {
      if (this.#pause !== null) clearTimeout(this.#pause);
      this.#pause = setTimeout(() => {
        this.#pause = null;
        this.#keep({ search: this.search.value });
      }, PAUSE_MS);
    });
    this.drawColumns();
    this.#show();
  }

  #select(label: string, offers: readonly (readonly [string, string])[]): HTMLSelectElement {
    const select = make("select", "nfx-filter", { "aria-label": label });
    for (const [value, word] of offers) select.append(make("option", "", { value }, word));
    select.addEventListener("change", () => {
      this.#keep({
        ours: this.#ours.value !== "",
        state: this.#state.value,
        fn: this.#fn.value,
        tag: this.#tag.value,
        sort: this.#sort.value as Sort,
      });
    });
    return select;
  }

  #day(label: string): HTMLInputElement {
    const input = make("input", "nfx-input", { type: "date", "aria-label": label, title: label });
    input.addEventListener("change", () => {
      this.#keep({ from: this.#from.value, to: this.#to.value });
    });
    return input;
  }

  get kept(): Kept {
    return this.#kept;
  }

  set open(isOpen: boolean) {
    this.#more.hidden = !isOpen;
    this.#toggle.setAttribute("aria-expanded", String(isOpen));
  }

  restore(kept: Kept): void {
    this.#kept = kept;
    this.#show();
  }

  /** Sort by a column; by the same one again, the other way around. */
  sortBy(sort: Sort): void {
    const isText = sort === "what" || sort === "state" || sort === "notebook";
    this.#keep({ sort, down: sort === this.#kept.sort ? !this.#kept.down : !isText });
  }

  /** Offer the Functions and tags that there are. */
  offer(offered: Offered): void {
    if (offered === this.#offered) return;
    this.#offered = offered;
    this.#fill(this.#fn, this.trans.__("Any Function"), offered.fns, this.#kept.fn);
    this.#fill(this.#tag, this.trans.__("Any tag"), offered.tags, this.#kept.tag);
  }

  #fill(select: HTMLSelectElement, any: string, names: readonly string[], chosen: string): void {
    const all = chosen === "" || names.includes(chosen) ? names : [chosen, ...names];
    select.replaceChildren(
      make("option", "", { value: "" }, any),
      ...all.map((name) => make("option", "", { value: name }, name)),
    );
    select.value = chosen;
  }

  /** Let a person choose the columns. */
  drawColumns(): void {
    const boxes = COLUMNS.map((column) => {
      const box = make("input", "", { type: "checkbox", value: column });
      box.checked = this.choices.columns.includes(column);
      box.addEventListener("change", () => {
        const before = new Set(this.choices.columns);
        if (box.checked) before.add(column);
        else before.delete(column);
        this.choices.choose(COLUMNS.filter((one) => before.has(one)));
      });
      return make("label", "", {}, box, columnWord(column, this.trans));
    });
    const known = [...this.#columns.querySelectorAll("input")];
    if (known.length === 0) this.#columns.append(...boxes);
    known.forEach((box) => {
      box.checked = this.choices.columns.includes(box.value);
    });
  }

  #keep(news: Partial<Kept>): void {
    this.#kept = { ...this.#kept, ...news };
    this.#show();
    this.changed(this.#kept);
  }

  #show(): void {
    const { kept } = this;
    if (this.search.value !== kept.search && this.#pause === null) this.search.value = kept.search;
    this.#ours.value = kept.ours ? "ours" : "";
    this.#state.value = kept.state;
    this.#fill(this.#fn, this.trans.__("Any Function"), this.#offered?.fns ?? [], kept.fn);
    this.#fill(this.#tag, this.trans.__("Any tag"), this.#offered?.tags ?? [], kept.tag);
    this.#from.value = kept.from;
    this.#to.value = kept.to;
    this.#sort.value = kept.sort;
    this.#way.textContent = kept.down ? "▼" : "▲";
    const { state, fn, tag, from, to } = kept;
    const isNarrow = [state, fn, tag, from, to].some((one) => one !== "");
    this.#toggle.classList.toggle("nfx-narrowed", isNarrow);
  }
}
