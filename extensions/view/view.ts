// The live view of one run: a tree of which only the rows in sight are drawn, and its panes.

import { AskBar } from "./asks.js";
import { make, say, set, show, unique } from "./dom.js";
import { ASKS_SHAPE, ROW, ROWS_IN_SIGHT } from "./look.js";
import type { StateCode } from "./messages.js";
import { Details } from "./panes.js";
import { isOpen, isAsked, list, move, stepOf, typed, type Listing, type Wish } from "./rows.js";
import { PlayBar } from "./playbar.js";
import { clock, type RunNode } from "./state.js";
import type { Store } from "./store.js";
import { dress } from "./style.js";
import { __, _n } from "./tongue.js";
import * as words from "./words.js";

export interface Options {
  /** How many rows are in sight at once. */
  readonly rows?: number;
}

const HEAD = 22;
const SPARE = 4;
const MOST_INDENT = 16;
// A screen reader is told how it stands no more often than this.
const TELL_MS = 6_000;
const TYPE_MS = 700;
const TICK_MS = 250;
const SEARCH_CHARS = 200;

export class RunView {
  readonly element = make("div", "nfv", { "data-lm-suppress-shortcuts": "true" });
  readonly #store: Store;
  readonly #options: Options;
  readonly #id = unique();
  readonly #title = make("span", "nfv-title");
  readonly #sum = make("span", "nfv-sum nfv-dim");
  readonly #stop = make("button", "nfv-button nfv-no", { type: "button" });
  readonly #ok = make("div", "ok");
  readonly #no = make("div", "no");
  readonly #asks: AskBar;
  readonly #search = make("input", "nfv-input nfv-search", {
    type: "search",
    placeholder: `${__("Search")}   /`,
    "aria-label": __("Search the tree"),
    maxlength: SEARCH_CHARS,
    autocomplete: "off",
    spellcheck: "false",
  });
  readonly #filters: HTMLButtonElement[] = [];
  readonly #found = make("span", "nfv-found nfv-dim", { role: "status" });
  readonly #tree = make("div", "nfv-tree", { role: "treegrid", tabindex: 0 });
  readonly #space = make("div", "nfv-rows", { role: "rowgroup" });
  readonly #pool: Row[] = [];
  readonly #details: Details;
  readonly #foot = make("div", "nfv-foot nfv-dim");
  readonly #left = make("span");
  readonly #note = make("span", "nfv-note", { role: "status" });
  readonly #link = make("span");
  readonly #beside = make("span");
  readonly #live = make("div", "nfv-quiet", { "aria-live": "polite" });
  readonly #offs: (() => void)[] = [];

  #folds = new Map<number, boolean>();
  #states = new Set<StateCode>();
  #listing: Listing = { ids: [], matches: null, places: new Map() };
  #stamp = "";
  #active = -1;
  #chosen = -1;
  #frame = 0;
  #typed = "";
  #typedAt = 0;
  #toldAt = 0;
  #told = "";

  constructor(store: Store, options: Options = {}) {
    this.#store = store;
    this.#options = options;
    this.#asks = new AskBar(store, (id) => {
      this.#choose(id);
      this.#tree.focus();
    });
    this.#details = new Details(store);
    this.#build();
    this.#listen();
  }

  /** Put it into the page. */
  mount(host: HTMLElement): void {
    host.append(this.element);
    dress(this.element);
    const timer = setInterval(() => {
      if (this.#isGoing()) this.#schedule();
    }, TICK_MS);
    const seen = new ResizeObserver(() => {
      this.#schedule();
    });
    seen.observe(this.#tree);
    this.#offs.push(
      this.#store.watch(() => {
        this.#schedule();
      }),
      () => {
        clearInterval(timer);
        seen.disconnect();
      },
    );
    this.#paint();
  }

  remove(): void {
    for (const off of this.#offs) off();
    cancelAnimationFrame(this.#frame);
    this.element.remove();
  }

  #build(): void {
    set(this.element, "role", "group");
    const head = make("div", "nfv-head", {}, this.#title, this.#sum, this.#stop);
    const meter = make("div", "nfv-meter", { "aria-hidden": "true" }, this.#ok, this.#no);
    const filters = make("div", "nfv-filters", {
      role: "group",
      "aria-label": __("Filter by state"),
    });
    for (const code of words.STATE_CODES) {
      const button = make("button", "nfv-filter", { type: "button", "aria-pressed": "false" });
      button.addEventListener("click", () => {
        this.#filter(code);
      });
      this.#filters.push(button);
      filters.append(button);
    }
    // No landmark: a notebook has many views, and each landmark is to have a name of its own.
    const group = { role: "group", "aria-label": __("Search the tree") };
    const tools = make("div", "nfv-tools", group, this.#search, filters, this.#found);
    const columns = make("div", "nfv-columns", { role: "row", "aria-rowindex": 1 });
    for (const name of [__("Call"), __("State"), __("Time"), __("Tokens"), __("Money")]) {
      columns.append(make("span", "", { role: "columnheader" }, name));
    }
    const top = make("div", "", { role: "rowgroup" }, columns);
    top.style.cssText = "position:sticky;top:0;z-index:1";
    set(this.#tree, "aria-label", __("Calls of this run"));
    say(this.#stop, `■ ${__("Cancel all")}`);
    this.#tree.append(top, this.#space);
    this.#foot.append(this.#left, this.#link, this.#note, this.#beside);
    this.element.append(head, meter);
    if (this.#store.player !== null) {
      const bar = new PlayBar(this.#store.player, this.element);
      this.element.append(bar.element);
      this.#offs.push(() => {
        bar.remove();
      });
    }
    this.element.append(this.#asks.element, tools, this.#tree);
    this.element.append(this.#details.element, this.#foot, this.#live);
    this.#tree.hidden = true;
    this.#details.element.hidden = true;
  }

  #listen(): void {
    this.#tree.addEventListener("scroll", () => {
      this.#schedule();
    });
    this.#tree.addEventListener("keydown", (event) => {
      this.#key(event);
    });
    this.#tree.addEventListener("click", (event) => {
      this.#click(event);
    });
    this.#search.addEventListener("input", () => {
      this.#schedule();
    });
    this.#search.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#clearSearch();
      else if (event.key === "Enter" || event.key === "ArrowDown") this.#toFirst();
      else return;
      event.preventDefault();
    });
    this.#stop.addEventListener("click", () => {
      this.#store.command({ t: "cancel", id: this.#store.state.root });
    });
    this.element.addEventListener("keydown", (event) => {
      const inField = event.target instanceof HTMLInputElement;
      if (event.key === "/" && !inField && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        this.#search.focus();
        this.#search.select();
      }
    });
  }

  #isGoing(): boolean {
    return !this.#store.state.isFinal && (this.#store.state.run?.state ?? 0) <= 1;
  }

  #schedule(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paint();
    });
  }

  #wish(): Wish {
    return { search: this.#search.value, states: this.#states, folds: this.#folds };
  }

  #now(): number {
    return clock(this.#store.state, performance.now());
  }

  // What a person does.

  #filter(code: StateCode): void {
    if (!this.#states.delete(code)) this.#states.add(code);
    this.#stamp = "";
    this.#tree.scrollTop = 0;
    this.#schedule();
  }

  #clearSearch(): void {
    if (this.#search.value === "" && this.#states.size === 0) {
      this.#tree.focus();
      return;
    }
    this.#search.value = "";
    this.#states.clear();
    this.#stamp = "";
    this.#schedule();
  }

  #toFirst(): void {
    this.#list();
    const first = this.#listing.ids.find((id) => this.#listing.matches?.has(id) ?? true);
    if (first !== undefined) this.#choose(first);
    this.#tree.focus();
  }

  #click(event: MouseEvent): void {
    const at = event.target as HTMLElement;
    const row = this.#pool.find((one) => one.element.contains(at));
    if (row === undefined) return;
    if (at.classList.contains("nfv-fold")) {
      const node = this.#store.state.nodes.get(row.id);
      if (node !== undefined && node.children.length > 0) {
        this.#fold(node.id, row.element.getAttribute("aria-expanded") !== "true");
        return;
      }
    }
    this.#choose(row.id);
  }

  #fold(id: number, open: boolean): void {
    this.#folds.set(id, open);
    this.#stamp = "";
    this.#schedule();
  }

  #choose(id: number): void {
    this.#active = id;
    this.#chosen = id;
    this.#details.choose(id);
    this.#reveal(id);
    this.#schedule();
  }

  #reveal(id: number): void {
    let above = this.#store.state.nodes.get(id)?.parent ?? -1;
    while (above >= 0 && !this.#listing.places.has(id)) {
      const node = this.#store.state.nodes.get(above);
      if (node === undefined) break;
      if (!isOpen(this.#store.state, node, this.#folds)) this.#folds.set(above, true);
      above = node.parent;
    }
    if (!this.#listing.places.has(id)) this.#stamp = "";
    this.#list();
    const place = this.#listing.places.get(id);
    if (place === undefined) return;
    const top = place * ROW;
    const room = this.#tree.clientHeight - HEAD;
    if (top < this.#tree.scrollTop) this.#tree.scrollTop = top;
    else if (top + ROW > this.#tree.scrollTop + room) this.#tree.scrollTop = top + ROW - room;
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    this.#list();
    const state = this.#store.state;
    const active = this.#listing.places.has(this.#active) ? this.#active : state.root;
    const page = Math.max(1, Math.floor((this.#tree.clientHeight - HEAD) / ROW) - 1);
    if (event.key === "Enter" || event.key === " ") {
      if (event.key === "Enter" && this.#chosen === active) this.#details.focus();
      else this.#choose(active);
    } else if (event.key === "Escape") {
      this.#clearSearch();
    } else if (event.key.length === 1 && event.key !== "/") {
      this.#type(event.key, event.timeStamp);
    } else {
      const step = move(state, this.#listing, this.#wish(), active, event.key, page);
      if (step === null) {
        if (!event.key.startsWith("Arrow")) return;
      } else if ("fold" in step) this.#fold(step.fold, step.open);
      else {
        this.#active = step.to;
        this.#reveal(step.to);
        // The pane follows where one is open: nobody needs a second key to look around.
        if (this.#chosen >= 0) this.#choose(step.to);
        this.#schedule();
      }
    }
    event.preventDefault();
  }

  #type(letter: string, time: number): void {
    this.#typed = time - this.#typedAt < TYPE_MS ? this.#typed + letter : letter;
    this.#typedAt = time;
    const found = typed(this.#store.state, this.#listing, this.#active, this.#typed);
    if (found < 0) return;
    this.#active = found;
    this.#reveal(found);
    this.#schedule();
  }

  // What is drawn.

  #list(): void {
    const state = this.#store.state;
    const wish = this.#wish();
    const asked = isAsked(wish);
    // A filter depends on what Nodes say; without one only the tree's shape counts.
    const stamp = `${state.shape}/${asked ? state.version : ""}/${wish.search}`;
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    this.#listing = list(state, wish);
    if (!state.nodes.has(this.#active)) this.#active = state.root;
  }

  #paint(): void {
    const state = this.#store.state;
    this.#list();
    const root = state.nodes.get(state.root);
    show(this.#tree, root !== undefined);
    this.#paintHead(root);
    this.#asks.paint();
    this.#paintFilters();
    this.#paintRows();
    this.#details.paint();
    this.#paintFoot();
    if (root !== undefined) this.#tell(root);
  }

  #paintHead(root: RunNode | undefined): void {
    const run = this.#store.state.run;
    const name = words.visible(words.cut(run?.name || run?.fn || __("run"), 80));
    set(this.element, "aria-label", __("Run of %1", name));
    if (root === undefined) {
      say(this.#title, name);
      say(this.#sum, __("waiting for the kernel …"));
      show(this.#stop, false);
      return;
    }
    say(this.#title, `${words.SHAPES[root.state]} ${name}`);
    const done = root.done + (words.isDone(root.state) ? 1 : 0);
    const all = root.below + 1;
    const facts: string[] = [words.stateName(root.state)];
    if (done < all) {
      if (all > 1) facts.push(__("%1 of %2 done", comma(done), comma(all)));
      if (root.failed > 0) facts.push(__("%1 failed", comma(root.failed)));
    } else facts.push(_n("%1 Node", "%1 Nodes", all, comma(all)), this.#byState());
    facts.push(words.seconds(words.lasted(root, this.#now())));
    if (root.tokens > 0) facts.push(__("%1 tokens", words.tokens(root.tokens)));
    facts.push(words.priced(root), words.visible(this.#store.state.run?.from ?? ""));
    const shown = facts.filter(Boolean);
    while (this.#sum.children.length > shown.length) this.#sum.lastElementChild?.remove();
    if (this.#sum.children.length === 0) say(this.#sum, "");
    shown.forEach((fact, i) => {
      const span = this.#sum.children[i] ?? this.#sum.appendChild(make("span"));
      say(span, fact);
    });
    this.#ok.style.width = `${((done - root.failed) / all) * 100}%`;
    this.#no.style.width = `${(root.failed / all) * 100}%`;
    show(this.#stop, root.state <= 1 && this.#store.player === null);
    set(this.#stop, "disabled", this.#store.isPending(root.id));
  }

  /** Count Nodes by state; nothing where all are a success. */
  #byState(): string {
    const { counts } = this.#store.state;
    const codes: StateCode[] = [2, 0, 1, 3, 4, 5];
    const some = codes.filter((code) => (counts[code] ?? 0) > 0);
    if (some.every((code) => code === 2)) return "";
    return some.map((code) => `${words.SHAPES[code]} ${comma(counts[code] ?? 0)}`).join(" ");
  }

  #paintFilters(): void {
    const { counts, nodes } = this.#store.state;
    this.#filters.forEach((button, i) => {
      const code = words.STATE_CODES[i] ?? 0;
      const count = counts[code] ?? 0;
      const isOn = this.#states.has(code);
      show(button, count > 0 || isOn);
      say(button, `${words.SHAPES[code]} ${words.stateName(code)} ${comma(count)}`);
      set(button, "aria-pressed", String(isOn));
    });
    const matches = this.#listing.matches;
    say(
      this.#found,
      matches === null ? "" : __("%1 of %2 match", comma(matches.size), comma(nodes.size)),
    );
  }

  #paintRows(): void {
    const { ids } = this.#listing;
    const most = this.#options.rows ?? ROWS_IN_SIGHT;
    const height = `${Math.min(most, Math.max(1, ids.length)) * ROW + HEAD + 2}px`;
    if (this.#tree.style.height !== height) this.#tree.style.height = height;
    const space = `${ids.length * ROW}px`;
    if (this.#space.style.height !== space) this.#space.style.height = space;
    set(this.#tree, "aria-rowcount", ids.length + 1);
    const first = Math.max(0, Math.floor(this.#tree.scrollTop / ROW) - SPARE);
    const count = Math.min(ids.length - first, most + 2 * SPARE);
    while (this.#pool.length < count) {
      const row = new Row();
      this.#pool.push(row);
      this.#space.append(row.element);
    }
    const drawn = new Set<number>();
    this.#pool.forEach((row, i) => {
      const node = i < count ? this.#store.state.nodes.get(ids[first + i] ?? -1) : undefined;
      show(row.element, node !== undefined);
      if (node === undefined) return;
      row.paint(node, first + i, this);
      drawn.add(node.id);
    });
    const name = drawn.has(this.#active) ? this.rowId(this.#active) : false;
    set(this.#tree, "aria-activedescendant", name);
  }

  rowId(id: number): string {
    return `${this.#id}-${id}`;
  }

  /** What a row has to know of its view. */
  look(node: RunNode): RowLook {
    const { matches, ids, places } = this.#listing;
    const next = this.#store.state.nodes.get(ids[(places.get(node.id) ?? 0) + 1] ?? -1);
    const siblings = this.#store.state.nodes.get(node.parent)?.children.length ?? 1;
    return {
      id: this.rowId(node.id),
      isActive: node.id === this.#active,
      isChosen: node.id === this.#chosen,
      isAbove: matches !== null && !matches.has(node.id),
      isOpen: next?.parent === node.id,
      step: stepOf(this.#store.state, node),
      siblings,
      now: this.#now(),
      since: this.#store.state.run?.since ?? 0,
    };
  }

  #paintFoot(): void {
    const { run, gaps, isBehind, nodes } = this.#store.state;
    const left = run?.left_out ?? 0;
    say(
      this.#left,
      left > 0 ? __("%1 shown, %2 more in the record", comma(nodes.size), comma(left)) : "",
    );
    say(this.#link, isBehind && gaps > 0 ? __("catching up with the kernel …") : "");
    const note = this.#store.note;
    say(this.#note, note === null ? "" : words.visible(words.cut(note.text, 400)));
    set(this.#note, "data-ok", String(note?.ok ?? true));
    say(this.#beside, this.#hasPanel() ? __("All runs: the panel on the left") : "");
    const spans = [this.#left, this.#link, this.#note, this.#beside];
    for (const span of spans) show(span, span.textContent !== "");
    show(
      this.#foot,
      spans.some((span) => span.textContent !== ""),
    );
  }

  /** Say whether this is a cell's view, in a page that has the panel. */
  #hasPanel(): boolean {
    const isCell = this.element.closest(".jp-OutputArea") !== null;
    return isCell && document.querySelector('[data-id="netflux-runs"]') !== null;
  }

  /** Tell a screen reader how it stands: at once when it ends or asks, else now and then. */
  #tell(root: RunNode): void {
    const asks = this.#store.state.asks.length;
    const text = [
      __("%1 is %2", this.#store.state.run?.fn ?? __("Run"), words.stateName(root.state)),
      root.below > 0 ? __("%1 of %2 calls done", comma(root.done), comma(root.below)) : "",
      root.failed > 0 ? __("%1 failed", comma(root.failed)) : "",
      asks > 0 ? _n("%1 waits for you", "%1 wait for you", asks, comma(asks)) : "",
    ]
      .filter(Boolean)
      .join(", ");
    const urgent = `${root.state}/${asks}`;
    const now = performance.now();
    if (text === this.#live.textContent) return;
    if (urgent === this.#told && now - this.#toldAt < TELL_MS) return;
    this.#told = urgent;
    this.#toldAt = now;
    say(this.#live, text);
  }
}

interface RowLook {
  readonly id: string;
  readonly isActive: boolean;
  readonly isChosen: boolean;
  readonly isAbove: boolean;
  readonly isOpen: boolean;
  readonly step: string;
  readonly siblings: number;
  readonly now: number;
  /** When the run began, in seconds since 1970. */
  readonly since: number;
}

function comma(count: number): string {
  return count.toLocaleString("en-US");
}

/** One row of the page, used for whatever Node stands in its place. */
class Row {
  readonly element = make("div", "nfv-row", { role: "row" });
  id = -1;
  readonly #fold = make("span", "nfv-fold", { "aria-hidden": "true" });
  readonly #shape = make("span", "nfv-shape", { "aria-hidden": "true" });
  readonly #fn = make("span", "nfv-fn");
  readonly #mark = make("span", "nfv-mark");
  readonly #label = make("span", "nfv-label");
  readonly #say = make("span", "nfv-say");
  readonly #count = make("span", "nfv-count");
  readonly #state = make("span", "nfv-state", { role: "gridcell" });
  readonly #time = make("span", "", { role: "gridcell" });
  readonly #tokens = make("span", "", { role: "gridcell" });
  readonly #usd = make("span", "", { role: "gridcell" });

  constructor() {
    const name = make("span", "nfv-name", { role: "gridcell" });
    name.append(this.#fold, this.#shape, this.#fn, this.#mark, this.#count, this.#label, this.#say);
    this.element.append(name, this.#state, this.#time, this.#tokens, this.#usd);
  }

  paint(node: RunNode, place: number, view: RunView): void {
    const look = view.look(node);
    const row = this.element;
    this.id = node.id;
    const top = `translateY(${place * ROW}px)`;
    if (row.style.transform !== top) row.style.transform = top;
    const indent = String(Math.min(MOST_INDENT, node.level - 1));
    if (row.style.getPropertyValue("--nf-in") !== indent) {
      row.style.setProperty("--nf-in", indent);
    }
    const asking = words.isAsking(node);
    const kind = [
      "nfv-row",
      node.isAgent ? "is-agent" : "",
      look.isAbove ? "is-above" : "",
      asking ? "is-asking" : "",
      look.isActive ? "is-active" : "",
    ];
    const name = kind.filter(Boolean).join(" ");
    if (row.className !== name) row.className = name;
    set(row, "id", look.id);
    set(row, "data-state", node.state);
    set(row, "aria-level", node.level);
    set(row, "aria-setsize", look.siblings);
    set(row, "aria-posinset", node.place + 1);
    set(row, "aria-rowindex", place + 2);
    set(row, "aria-selected", String(look.isChosen));
    set(row, "aria-expanded", node.children.length > 0 ? String(look.isOpen) : false);
    set(row, "aria-label", words.spoken(node, look.now, look.since));
    say(this.#fold, node.children.length === 0 ? "" : look.isOpen ? "▾" : "▸");
    say(this.#shape, asking ? ASKS_SHAPE : words.SHAPES[node.state]);
    say(this.#fn, words.visible(look.step));
    say(this.#mark, words.marks(node, look.since));
    const isGoing = node.done < node.below;
    say(this.#count, isGoing ? `${comma(node.done)}/${comma(node.below)}` : "");
    say(this.#label, words.visible(node.label));
    say(this.#say, words.visible(said(node)));
    say(this.#state, words.stateWord(node));
    say(this.#time, words.seconds(words.lasted(node, look.now)));
    say(this.#tokens, words.tokens(node.tokens));
    say(this.#usd, words.money(node));
  }
}

function said(node: RunNode): string {
  // The bar above asks the question in full.
  return words.isAsking(node) ? "" : node.say;
}
