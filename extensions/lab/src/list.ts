// The table of runs, of which only what is seen is drawn: walked by keys, heard by screen readers.
// Wide it has columns, narrow each run has two lines; both are the same elements.

import { make, say } from "./dom.js";
import { Editor, type Field } from "./edit.js";
import { type Row, type Sort, SORTS } from "./messages.js";
import { fileOf } from "./state.js";
import {
  about,
  called,
  lasted,
  marksOf,
  moment,
  money,
  type Money,
  SHAPES,
  spoken,
  standing,
  tokens,
  type Words,
} from "./words.js";

const BEYOND = 6;
/** As wide as a table is drawn; as in `style/base.css`. */
const WIDE = 580;

export interface ListEvents {
  open(row: Row): void;
  selected(): void;
  /** Rows between these places are in sight. */
  seen(first: number, last: number): void;
  sort(by: Sort): void;
  edited(row: Row, field: Field, value: string): void;
}

/** The rows that are shown, by their places; some may not be told yet. */
export interface Source {
  readonly count: number;
  at(place: number): Row | undefined;
  /** Where a run is; -1 where that is not known. */
  placeOf(id: string): number;
}

/** A row in the page, and its texts by their columns. */
interface Drawn {
  readonly element: HTMLElement;
  readonly shape: HTMLElement;
  readonly title: HTMLElement;
  readonly args: HTMLElement;
  readonly parts: Readonly<Record<Exclude<Sort, "what">, HTMLElement>>;
}

/** Columns that may be left out, in their order. */
export const COLUMNS = SORTS.filter((one): one is Exclude<Sort, "what"> => one !== "what");

const NUMBERS: ReadonlySet<Sort> = new Set<Sort>(["time", "tokens", "money"]);

export function columnWord(column: Sort, trans: Words): string {
  switch (column) {
    case "what":
      return trans.__("Run");
    case "state":
      return trans.__("State");
    case "when":
      return trans.__("When");
    case "notebook":
      return trans.__("Notebook");
    case "time":
      return trans.__("Time");
    case "tokens":
      return trans.__("Tokens");
    case "money":
      return trans.__("Money");
    case "marks":
      return trans.__("Marks, tags");
  }
}

const NONE: Source = { count: 0, at: () => undefined, placeOf: () => -1 };

let lists = 0;

export class RunList {
  readonly node: HTMLElement;
  readonly #head: HTMLElement;
  readonly #body: HTMLElement;
  readonly #heads = new Map<Sort, HTMLElement>();
  /** By the run's name: a row keeps its element, wherever it moves to. */
  readonly #drawn = new Map<string, Drawn>();
  readonly #name = `nfx-list-${++lists}`;
  readonly #editor: Editor;
  #made = 0;
  #source: Source = NONE;
  #money: Money;
  #active = "";
  /** Where a choice of several begins. */
  #anchor = "";
  /** The newest choice last. */
  #chosen = new Map<string, Row>();
  /** What the first click of a double click was at. */
  #clickedAt = "";
  #height = 46;

  constructor(
    private readonly trans: Words,
    private readonly events: ListEvents,
    how: Money,
  ) {
    this.#money = how;
    this.#head = make("div", "nfx-head", { role: "row" });
    for (const column of ["what", ...COLUMNS] as const) this.#head.append(this.#headOf(column));
    const top = make("div", "nfx-top", { role: "rowgroup" }, this.#head);
    this.#body = make("div", "nfx-tall", { role: "rowgroup" });
    this.node = make(
      "div",
      "nfx-list",
      {
        role: "grid",
        tabindex: "0",
        "aria-label": trans.__("Runs"),
        "aria-multiselectable": "true",
        "aria-colcount": String(1 + COLUMNS.length),
      },
      top,
      this.#body,
    );
    this.#editor = new Editor(trans, (row, field, value) => {
      events.edited(row, field, value);
    });
    this.node.addEventListener("scroll", () => {
      this.draw();
    });
    this.node.addEventListener("keydown", (event) => {
      if (event.target === this.node) this.#pressed(event);
    });
    this.#body.addEventListener("click", (event) => {
      this.#clicked(event);
    });
    this.#body.addEventListener("dblclick", (event) => {
      if ((event.target as Element).closest(".nfx-check, .nfx-edit") !== null) return;
      // Rows may have moved between the clicks: the first one was aimed.
      const row = this.#row(this.#clickedAt) ?? this.#at(event);
      if (row !== undefined) events.open(row);
    });
    // The menu is about the row under the pointer.
    this.#body.addEventListener("contextmenu", (event) => {
      const row = this.#at(event);
      if (row !== undefined && !this.#chosen.has(row.id)) this.#choose(row);
    });
  }

  #headOf(column: Sort): HTMLElement {
    const word = columnWord(column, this.trans);
    const sign = make("span", "nfx-way", { "aria-hidden": "true" });
    const sort = make("button", "nfx-sort", { type: "button" }, word, sign);
    sort.addEventListener("click", () => {
      this.events.sort(column);
    });
    const head = make("div", `nfx-cell nfx-${column}`, { role: "columnheader" }, sort);
    if (NUMBERS.has(column)) head.classList.add("nfx-number");
    this.#heads.set(column, head);
    return head;
  }

  get chosen(): Row[] {
    return [...this.#chosen.values()];
  }

  set money(how: Money) {
    this.#money = how;
  }

  set height(pixels: number) {
    this.#height = pixels;
    this.node.style.setProperty("--nfx-row", `${pixels}px`);
  }

  /** Which columns are seen. */
  set columns(seen: readonly string[]) {
    for (const column of COLUMNS) {
      this.node.classList.toggle(`nfx-no-${column}`, !seen.includes(column));
    }
    const known = COLUMNS.filter((column) => seen.includes(column));
    // In a middling table the notebook stands in the row's title alone.
    const widths = (of: readonly Exclude<Sort, "what">[]): string =>
      of.map((one) => WIDTHS[one]).join(" ");
    this.node.style.setProperty("--nfx-columns", widths(known.filter((one) => one !== "notebook")));
    this.node.style.setProperty("--nfx-all-columns", widths(known));
  }

  /** Say by what it is sorted. */
  sorted(by: Sort, down: boolean): void {
    for (const [column, head] of this.#heads) {
      const way = column === by ? (down ? "descending" : "ascending") : "none";
      head.setAttribute("aria-sort", way);
      const sign = head.querySelector(".nfx-way");
      if (sign !== null) say(sign, column === by ? (down ? "▼" : "▲") : "");
    }
  }

  /**
   * Show rows. What was chosen stays chosen while it is known and seen: what is not seen is not
   * acted on.
   */
  show(source: Source): void {
    this.#source = source;
    for (const id of [...this.#chosen.keys()]) {
      const row = this.#row(id);
      if (row === undefined) this.#chosen.delete(id);
      else this.#chosen.set(id, row);
    }
    if (source.placeOf(this.#active) < 0) this.#active = source.at(0)?.id ?? "";
    this.draw();
  }

  chooseAll(): void {
    for (let place = 0; place < this.#source.count; place++) {
      const row = this.#source.at(place);
      if (row !== undefined) this.#chosen.set(row.id, row);
    }
    this.#tell();
  }

  /** Let a person write a title, a note or tags where the run's row is. */
  edit(row: Row, field: Field): void {
    this.#reveal(this.#source.placeOf(row.id));
    this.draw();
    const element = this.#drawn.get(row.id)?.element;
    if (element === undefined) return;
    this.#editor.open(row, field, element, () => {
      this.node.focus();
      this.draw();
    });
  }

  #row(id: string): Row | undefined {
    const place = this.#source.placeOf(id);
    return place < 0 ? undefined : this.#source.at(place);
  }

  get #headHeight(): number {
    return this.node.clientWidth >= WIDE ? this.#head.offsetHeight : 0;
  }

  /** As high as a row is: in a table one line does. */
  get #step(): number {
    return this.node.clientWidth >= WIDE ? Math.max(26, this.#height - 16) : this.#height;
  }

  /** Draw the rows that are in sight, and no others. */
  draw(): void {
    const step = this.#step;
    this.node.style.setProperty("--nfx-step", `${step}px`);
    const all = this.#source.count;
    this.#body.style.height = `${all * step}px`;
    this.node.setAttribute("aria-rowcount", String(all + 1));
    const { scrollTop, clientHeight } = this.node;
    const first = Math.max(0, Math.floor(scrollTop / step) - BEYOND);
    const last = Math.min(all, Math.ceil((scrollTop + clientHeight) / step) + BEYOND);
    const inSight: [number, Row][] = [];
    for (let place = first; place < last; place++) {
      const row = this.#source.at(place);
      if (row !== undefined) inSight.push([place, row]);
    }
    const names = new Set(inSight.map(([, row]) => row.id));
    // Who writes into a row keeps it.
    if (this.#editor.run !== "") names.add(this.#editor.run);
    for (const [id, { element }] of this.#drawn) {
      if (names.has(id)) continue;
      element.remove();
      this.#drawn.delete(id);
    }
    const now = Date.now() / 1000;
    // An element that is taken out and put in again loses the click that it is in the middle of:
    // those that are in order stay.
    let next = this.#body.firstElementChild;
    for (const [place, row] of inSight) {
      const element = this.#put(place, step, row, now);
      if (element === next) next = element.nextElementSibling;
      else this.#body.insertBefore(element, next);
    }
    const active = this.#drawn.get(this.#active);
    if (active !== undefined) this.node.setAttribute("aria-activedescendant", active.element.id);
    else this.node.removeAttribute("aria-activedescendant");
    this.events.seen(first, last);
  }

  #put(place: number, step: number, row: Row, now: number): HTMLElement {
    const { trans } = this;
    let drawn = this.#drawn.get(row.id);
    if (drawn === undefined) {
      drawn = emptyRow(`${this.#name}-${++this.#made}`);
      this.#drawn.set(row.id, drawn);
    }
    const { element, parts } = drawn;
    element.style.top = `${place * step}px`;
    element.dataset["run"] = row.id;
    element.dataset["state"] = row.waits > 0 ? "Asks" : row.state;
    element.classList.toggle("nfx-active", row.id === this.#active);
    set(element, "aria-selected", String(this.#chosen.has(row.id)));
    set(element, "aria-rowindex", String(place + 2));
    set(element, "aria-label", spoken(row, now, this.#money, trans));
    say(drawn.shape, row.waits > 0 ? "!" : SHAPES[row.state]);
    say(drawn.title, row.title === "" ? row.fn : row.title);
    say(drawn.args, row.title === "" ? `(${row.args})` : ` ${row.fn}(${row.args})`);
    const isError = row.error !== "" && row.state !== "Canceled";
    const state = standing(row, trans);
    say(parts.state, isError ? `${state} · ${row.error}` : state);
    say(parts.when, moment(row.opened, now));
    say(parts.notebook, fileOf(row.notebook));
    say(parts.time, lasted(row, now));
    const paid = row.usd > 0 || row.unpriced > 0;
    say(parts.money, paid ? money(row.usd, row.unpriced, this.#money) : "");
    const [number, unit] = parts.tokens.children;
    if (number !== undefined) say(number, row.tokens > 0 ? tokens(row.tokens) : "");
    if (unit !== undefined) say(unit, row.tokens > 0 ? ` ${trans.__("tokens")}` : "");
    this.#marks(parts.marks, row);
    const words = [about(row, now, trans), moment(row.opened, now)].join(" · ");
    const said = [called(row), words, row.notebook, ...marksOf(row, trans), row.id];
    const title = said.filter((one) => one !== "").join("\n");
    if (element.title !== title) element.title = title;
    return element;
  }

  #marks(into: HTMLElement, row: Row): void {
    const words = marksOf(row, this.trans);
    const text = words.join("\n");
    if (into.dataset["text"] === text) return;
    into.dataset["text"] = text;
    into.replaceChildren(
      ...words.map((word) => make("span", word.startsWith("#") ? "nfx-tag" : "nfx-from", {}, word)),
    );
  }

  #at(event: MouseEvent): Row | undefined {
    const element = (event.target as Element).closest<HTMLElement>(".nfx-run");
    return element === null ? undefined : this.#row(element.dataset["run"] ?? "");
  }

  #clicked(event: MouseEvent): void {
    const target = event.target as Element;
    if (target.closest(".nfx-edit") !== null) return;
    const row = this.#at(event);
    if (event.detail < 2) this.#clickedAt = row?.id ?? "";
    if (row === undefined) return;
    const isCheck = target.closest(".nfx-check") !== null;
    if (event.shiftKey) this.#extend(row);
    else if (isCheck || event.ctrlKey || event.metaKey) this.#toggle(row);
    else this.#choose(row);
  }

  #choose(row: Row): void {
    this.#active = this.#anchor = row.id;
    this.#chosen = new Map([[row.id, row]]);
    this.#tell();
  }

  #toggle(row: Row): void {
    this.#active = this.#anchor = row.id;
    if (!this.#chosen.delete(row.id)) this.#chosen.set(row.id, row);
    this.#tell();
  }

  /** Choose all from where the choice began to this one. */
  #extend(row: Row): void {
    const [from, to] = [this.#source.placeOf(this.#anchor), this.#source.placeOf(row.id)];
    this.#active = row.id;
    this.#chosen.clear();
    const way = from <= to ? 1 : -1;
    for (let place = Math.max(0, from); place !== to + way; place += way) {
      const one = this.#source.at(place);
      if (one !== undefined) this.#chosen.set(one.id, one);
    }
    this.#tell();
  }

  #tell(): void {
    this.draw();
    this.events.selected();
  }

  #pressed(event: KeyboardEvent): void {
    const at = this.#source.placeOf(this.#active);
    const page = Math.max(1, Math.floor(this.node.clientHeight / this.#step) - 2);
    const last = this.#source.count - 1;
    const to: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: last,
    };
    const place = to[event.key];
    const active = this.#source.at(at);
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (place !== undefined && !event.altKey) {
      this.#go(Math.min(last, Math.max(0, place)), event);
    } else if (event.key === "Enter" && isPlain && active !== undefined) this.events.open(active);
    else if (event.key === " " && active !== undefined) this.#toggle(active);
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) this.chooseAll();
    else if (event.key === "Escape" && this.#chosen.size > 0) {
      this.#chosen.clear();
      this.#tell();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #go(place: number, event: KeyboardEvent): void {
    this.#reveal(place);
    const row = this.#source.at(place);
    if (row === undefined) {
      // It is on its way; what is seen is drawn when it comes.
      this.draw();
      return;
    }
    if (event.shiftKey) this.#extend(row);
    else if (event.ctrlKey || event.metaKey) {
      this.#active = row.id;
      this.draw();
    } else this.#choose(row);
  }

  #reveal(place: number): void {
    if (place < 0) return;
    const step = this.#step;
    const top = place * step;
    const { scrollTop, clientHeight } = this.node;
    const room = clientHeight - this.#headHeight;
    if (top < scrollTop) this.node.scrollTop = top;
    else if (top + step > scrollTop + room) this.node.scrollTop = top + step - room;
  }
}

/** Of the columns of a table. */
const WIDTHS: Readonly<Record<Exclude<Sort, "what">, string>> = {
  state: "minmax(96px, 0.7fr)",
  when: "50px",
  notebook: "minmax(70px, 0.4fr)",
  time: "54px",
  tokens: "50px",
  money: "52px",
  marks: "minmax(56px, 0.7fr)",
};

function set(element: Element, key: string, value: string): void {
  if (element.getAttribute(key) !== value) element.setAttribute(key, value);
}

/** Narrow it has two lines, each of which gives way to what stands at its right. */
function emptyRow(id: string): Drawn {
  const check = make("span", "nfx-check", { "aria-hidden": "true" });
  const shape = make("span", "nfx-shape", { "aria-hidden": "true" });
  const title = make("span", "nfx-fn");
  const args = make("span", "nfx-args");
  const cell = (column: Sort, ...inside: Node[]): HTMLElement =>
    make("span", `nfx-cell nfx-${column}`, { role: "gridcell" }, ...inside);
  const parts = {
    state: cell("state"),
    when: cell("when"),
    notebook: cell("notebook"),
    time: cell("time"),
    tokens: cell("tokens", make("span"), make("span", "nfx-unit")),
    money: cell("money"),
    marks: cell("marks"),
  };
  for (const column of COLUMNS) {
    if (NUMBERS.has(column)) parts[column].classList.add("nfx-number");
  }
  const { state, ...rest } = parts;
  const first = make("span", "nfx-line", { role: "none" }, cell("what", title, args), state);
  const second = make("span", "nfx-line", { role: "none" }, ...Object.values(rest));
  const element = make("div", "nfx-run", { role: "row", id }, check, shape, first, second);
  return { element, shape, title, args, parts };
}
