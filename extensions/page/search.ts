// Search in a page: every place is counted, the next one is opened and shown.

import { make, say, set } from "../view/dom.js";
import { hitsIn, MOST_HITS, small, step, type Hit } from "./hits.js";

// What is read as one text, so that a hit does not end where a word is bold.
const BLOCKS = "td, th, pre, p, summary, h1, h2, div, li";
// So many places are marked; all are counted, and the one that is shown is always marked.
const MOST_MARKED = 2_000;
const PAUSE_MS = 120;
const SEARCH_CHARS = 200;

interface Unit {
  readonly block: Element;
  readonly nodes: Text[];
}

export class Search {
  readonly input = make("input", "bar-search", {
    type: "search",
    placeholder: "Search   /",
    "aria-label": "Search this page",
    maxlength: SEARCH_CHARS,
    autocomplete: "off",
    spellcheck: "false",
  });
  readonly count = make("span", "bar-count", { role: "status" });
  readonly before = make("button", "bar-button", {
    type: "button",
    "aria-label": "Previous hit",
    title: "Previous hit (Shift+Enter)",
  });
  readonly next = make("button", "bar-button", {
    type: "button",
    "aria-label": "Next hit",
    title: "Next hit (Enter)",
  });
  readonly #within: readonly Element[];
  #units: Unit[] | null = null;
  #texts: string[] = [];
  #hits: Hit[] = [];
  #at = -1;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(within: readonly Element[]) {
    this.#within = within;
    say(this.before, "↑");
    say(this.next, "↓");
    this.input.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => {
        this.#find();
      }, PAUSE_MS);
    });
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.go(event.shiftKey ? -1 : 1);
      else if (event.key === "Escape") this.clear();
      else return;
      event.preventDefault();
    });
    this.before.addEventListener("click", () => {
      this.go(-1);
    });
    this.next.addEventListener("click", () => {
      this.go(1);
    });
    this.#tell();
  }

  focus(): void {
    this.input.focus();
    this.input.select();
  }

  clear(): void {
    this.input.value = "";
    this.input.blur();
    this.#find();
  }

  /** What is hidden on purpose is not searched: look again. */
  again(): void {
    this.#units = null;
    if (this.input.value !== "") this.#find();
  }

  go(by: 1 | -1): void {
    if (this.#timer !== undefined) this.#find();
    this.#at = step(this.#at, by, this.#hits.length);
    this.#show();
    this.#tell();
  }

  #find(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#hits = this.input.value.trim() === "" ? [] : hitsIn(this.#read(), this.input.value);
    this.#at = -1;
    this.#mark();
    this.#tell();
  }

  /** Read the page, once: it does not change by itself. */
  #read(): readonly string[] {
    if (this.#units !== null) return this.#texts;
    const units: Unit[] = [];
    const texts: string[] = [];
    let block: Element | null = null;
    let nodes: Text[] = [];
    const end = (): void => {
      if (block !== null && nodes.length > 0) {
        units.push({ block, nodes });
        texts.push(small(nodes.map((one) => one.data).join("")));
      }
      nodes = [];
    };
    for (const within of this.#within) {
      const walker = document.createTreeWalker(within, NodeFilter.SHOW_TEXT);
      for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
        const text = node as Text;
        const around = text.parentElement?.closest(BLOCKS) ?? within;
        if (around.closest(".off, .bar, .nfv") !== null) continue;
        if (around !== block) {
          end();
          block = around;
        }
        nodes.push(text);
      }
      end();
      block = null;
    }
    this.#units = units;
    this.#texts = texts;
    return texts;
  }

  #range(hit: Hit): Range | null {
    const unit = this.#units?.[hit.unit];
    if (unit === undefined) return null;
    const range = document.createRange();
    let at = 0;
    let hasStart = false;
    for (const node of unit.nodes) {
      const end = at + node.data.length;
      if (!hasStart && hit.from < end) {
        range.setStart(node, hit.from - at);
        hasStart = true;
      }
      if (hasStart && hit.to <= end) {
        range.setEnd(node, hit.to - at);
        return range;
      }
      at = end;
    }
    return null;
  }

  #mark(): void {
    // A browser without highlights still leads to each place.
    if (!("highlights" in CSS)) return;
    const ranges = this.#hits.slice(0, MOST_MARKED).map((hit) => this.#range(hit));
    const known = ranges.filter((range) => range !== null);
    CSS.highlights.set("hit", new Highlight(...known));
    CSS.highlights.delete("hit-now");
  }

  #show(): void {
    const hit = this.#hits[this.#at];
    const block = hit === undefined ? undefined : this.#units?.[hit.unit]?.block;
    if (hit === undefined || block === undefined) return;
    reveal(block);
    block.scrollIntoView({ block: "center" });
    const range = this.#range(hit);
    if (range === null) return;
    // Of a long text, the line in question.
    const { top, bottom } = range.getBoundingClientRect();
    if (top < 60 || bottom > innerHeight) scrollBy(0, top - innerHeight / 2);
    if ("highlights" in CSS) {
      const now = new Highlight(range);
      now.priority = 1;
      CSS.highlights.set("hit-now", now);
    } else
      getSelection()?.setBaseAndExtent(
        range.startContainer,
        range.startOffset,
        range.endContainer,
        range.endOffset,
      );
  }

  #tell(): void {
    const count = this.#hits.length;
    const all = count >= MOST_HITS ? `${comma(count)}+` : comma(count);
    const none = this.input.value.trim() === "" ? "" : "not found";
    const where = this.#at < 0 ? `${all} found` : `${comma(this.#at + 1)} of ${all}`;
    say(this.count, count === 0 ? none : where);
    for (const button of [this.before, this.next]) set(button, "disabled", count === 0);
  }
}

/** Open whatever hides an element. */
export function reveal(element: Element): void {
  for (let at: Element | null = element; at !== null; at = at.parentElement) {
    // A fold's own title is seen while it is closed.
    if (at instanceof HTMLDetailsElement && !isInTitle(element, at)) at.open = true;
  }
}

function isInTitle(element: Element, fold: HTMLDetailsElement): boolean {
  const title = element.closest("summary");
  return title !== null && title.parentElement === fold;
}

export function comma(count: number): string {
  return count.toLocaleString("en-US");
}
