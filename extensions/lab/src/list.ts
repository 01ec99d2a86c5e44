// A list of runs of which only what is seen is drawn; walked by keys, heard by screen readers.

import { make, say } from "./dom.js";
import type { Row } from "./messages.js";
import {
  about,
  moment,
  money,
  type Money,
  SHAPES,
  spoken,
  standing,
  taken,
  type Words,
} from "./words.js";

const BEYOND = 6;

export interface ListEvents {
  open(row: Row): void;
  selected(): void;
  /** The end is near: there may be more. */
  more(): void;
}

/** A row in the page, and its texts in their order. */
interface Drawn {
  readonly element: HTMLElement;
  readonly parts: readonly HTMLElement[];
}

const PARTS = ["shape", "fn", "state", "taken", "when", "money"];

let lists = 0;

export class RunList {
  readonly node: HTMLElement;
  readonly #tall: HTMLElement;
  /** By the run's name: a row keeps its element, wherever it moves to. */
  readonly #drawn = new Map<string, Drawn>();
  readonly #name = `nfx-list-${++lists}`;
  #made = 0;
  #rows: readonly Row[] = [];
  #money: Money;
  #active = "";
  /** The newest choice last. */
  #chosen: string[] = [];
  /** What the first click of a double click was at. */
  #clickedAt = "";
  #height = 44;

  constructor(
    private readonly trans: Words,
    private readonly events: ListEvents,
    how: Money,
  ) {
    this.#money = how;
    this.#tall = make("div", "nfx-tall", { role: "presentation" });
    this.node = make(
      "div",
      "nfx-list",
      {
        role: "listbox",
        tabindex: "0",
        "aria-label": trans.__("Runs"),
        "aria-multiselectable": "true",
      },
      this.#tall,
    );
    this.node.addEventListener("scroll", () => {
      this.draw();
    });
    this.node.addEventListener("keydown", (event) => {
      this.#pressed(event);
    });
    this.node.addEventListener("click", (event) => {
      this.#clicked(event);
    });
    this.node.addEventListener("dblclick", (event) => {
      // Rows may have moved between the clicks: the first one was aimed.
      const row = this.#rows.find(({ id }) => id === this.#clickedAt) ?? this.#at(event);
      if (row !== undefined) events.open(row);
    });
    // The menu is about the row under the pointer.
    this.node.addEventListener("contextmenu", (event) => {
      const row = this.#at(event);
      if (row !== undefined && !this.#chosen.includes(row.id)) this.#choose(row.id, false);
    });
  }

  get chosen(): Row[] {
    const found = this.#chosen.map((id) => this.#rows.find((row) => row.id === id));
    return found.filter((row) => row !== undefined);
  }

  set money(how: Money) {
    this.#money = how;
  }

  set height(pixels: number) {
    this.#height = pixels;
    this.node.style.setProperty("--nfx-row", `${pixels}px`);
  }

  show(rows: readonly Row[]): void {
    this.#rows = rows;
    const ids = new Set(rows.map((row) => row.id));
    this.#chosen = this.#chosen.filter((id) => ids.has(id));
    if (!ids.has(this.#active)) this.#active = rows[0]?.id ?? "";
    this.draw();
  }

  /** Draw what is seen, and a little more. */
  draw(): void {
    const all = this.#rows.length;
    this.#tall.style.height = `${all * this.#height}px`;
    const seen = this.node.clientHeight || 600;
    const first = Math.max(0, Math.floor(this.node.scrollTop / this.#height) - BEYOND);
    const last = Math.min(all, Math.ceil((this.node.scrollTop + seen) / this.#height) + BEYOND);
    const inSight = this.#rows.slice(first, last);
    const kept = new Set(inSight.map((row) => row.id));
    for (const [id, { element }] of this.#drawn) {
      if (kept.has(id)) continue;
      element.remove();
      this.#drawn.delete(id);
    }
    const now = Date.now() / 1000;
    // An element that is taken out and put in again loses the click that it is in the middle of:
    // those that are in order stay.
    let next = this.#tall.firstElementChild;
    inSight.forEach((row, i) => {
      const element = this.#put(first + i, row, now);
      if (element === next) next = element.nextElementSibling;
      else this.#tall.insertBefore(element, next);
    });
    const active = this.#drawn.get(this.#active);
    if (active !== undefined) this.node.setAttribute("aria-activedescendant", active.element.id);
    else this.node.removeAttribute("aria-activedescendant");
    if (last >= all) this.events.more();
  }

  #put(place: number, row: Row, now: number): HTMLElement {
    let drawn = this.#drawn.get(row.id);
    if (drawn === undefined) {
      drawn = emptyRow(`${this.#name}-${++this.#made}`);
      this.#drawn.set(row.id, drawn);
    }
    const { element, parts } = drawn;
    element.style.top = `${place * this.#height}px`;
    element.dataset["run"] = row.id;
    element.dataset["state"] = row.waits > 0 ? "Asks" : row.state;
    element.classList.toggle("nfx-active", row.id === this.#active);
    element.setAttribute("aria-selected", String(this.#chosen.includes(row.id)));
    element.setAttribute("aria-posinset", String(place + 1));
    element.setAttribute("aria-setsize", String(this.#rows.length));
    element.setAttribute("aria-label", spoken(row, now, this.#money, this.trans));
    const paid = row.usd > 0 || row.unpriced > 0;
    const texts = [
      row.waits > 0 ? "!" : SHAPES[row.state],
      row.fn,
      standing(row, this.trans),
      taken(row, now, this.trans),
      moment(row.opened, now),
      paid ? money(row.usd, row.unpriced, this.#money) : "",
    ];
    texts.forEach((text, i) => {
      const part = parts[i];
      if (part !== undefined) say(part, text);
    });
    const words = [about(row, now, this.trans), moment(row.opened, now)].join(" · ");
    const title = `${row.fn}\n${words}${row.notebook === "" ? "" : `\n${row.notebook}`}\n${row.id}`;
    if (element.title !== title) element.title = title;
    return element;
  }

  #at(event: MouseEvent): Row | undefined {
    const element = (event.target as Element).closest<HTMLElement>(".nfx-run");
    return this.#rows.find((row) => row.id === element?.dataset["run"]);
  }

  #clicked(event: MouseEvent): void {
    const row = this.#at(event);
    if (event.detail < 2) this.#clickedAt = row?.id ?? "";
    if (row !== undefined) this.#choose(row.id, event.ctrlKey || event.metaKey || event.shiftKey);
  }

  #choose(id: string, more: boolean): void {
    this.#active = id;
    if (!more) this.#chosen = [id];
    else if (this.#chosen.includes(id)) this.#chosen = this.#chosen.filter((one) => one !== id);
    // A comparison is of two: a third choice takes the place of the first.
    else this.#chosen = [...this.#chosen.slice(-1), id];
    this.draw();
    this.events.selected();
  }

  #pressed(event: KeyboardEvent): void {
    const at = this.#rows.findIndex((row) => row.id === this.#active);
    const page = Math.max(1, Math.floor(this.node.clientHeight / this.#height) - 1);
    const last = this.#rows.length - 1;
    const to: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: last,
    };
    const place = to[event.key];
    const active = this.#rows[at];
    if (place !== undefined) this.#go(Math.min(last, Math.max(0, place)), event.ctrlKey);
    else if (event.key === "Enter" && active !== undefined) this.events.open(active);
    else if (event.key === " " && active !== undefined) this.#choose(active.id, true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #go(place: number, keeps: boolean): void {
    const row = this.#rows[place];
    if (row === undefined) return;
    this.#active = row.id;
    const top = place * this.#height;
    const { scrollTop, clientHeight } = this.node;
    if (top < scrollTop) this.node.scrollTop = top;
    else if (top + this.#height > scrollTop + clientHeight) {
      this.node.scrollTop = top + this.#height - clientHeight;
    }
    if (keeps || this.#chosen.length > 1) this.draw();
    else this.#choose(row.id, false);
  }
}

/** Two lines, each of which gives way to what stands at its right. */
function emptyRow(id: string): Drawn {
  const parts = PARTS.map((name) => make("span", `nfx-${name}`));
  const [shape, fn, state, ...rest] = parts as [HTMLElement, HTMLElement, HTMLElement];
  shape.setAttribute("aria-hidden", "true");
  const lines = [make("span", "nfx-line", {}, fn, state), make("span", "nfx-line", {}, ...rest)];
  return { element: make("div", "nfx-run", { role: "option", id }, shape, ...lines), parts };
}
