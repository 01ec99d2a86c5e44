// What stands behind the chosen row: its values, its conversation, who ruled, who ran when.

import { make, say, set, show, unique } from "./dom.js";
import type { Pane } from "./messages.js";
import { pathOf } from "./rows.js";
import { clock, key, type Part, type RunNode, type RunState } from "./state.js";
import type { Store } from "./store.js";
import { __ } from "./tongue.js";
import {
  isAsking,
  lasted,
  seconds,
  SHAPES,
  spoken,
  stateWord,
  priced,
  tokens,
  visible,
} from "./words.js";

// What a question is about is shown in its card.
type Tab = Exclude<Pane, "asked"> | "timeline";

const TABS: readonly Tab[] = [
  "transcript",
  "inputs",
  "result",
  "error",
  "policy",
  "state",
  "timeline",
];
const MARKS: Readonly<Record<string, string>> = { call: "→ ", result: "← ", error: "✗ " };
const MOST_BARS = 200;
// A part that is longer is shown by its end, where it grows.
const MOST_CHARS = 200_000;

/** The pane under the tree. It follows the chosen Node. */
export class Details {
  readonly element = make("section", "nfv-details", {
    "aria-label": __("Details of the chosen Node"),
  });
  readonly #store: Store;
  readonly #head = make("div", "nfv-details-head");
  readonly #facts = make("div", "nfv-dim nfv-facts");
  readonly #cancel = make("button", "nfv-button nfv-no", { type: "button" }, `■ ${__("Cancel")}`);
  readonly #tabs = make("div", "nfv-tabs", { role: "tablist", "aria-label": __("What is shown") });
  readonly #panel = make("div", "nfv-panel", { role: "tabpanel", tabindex: 0 });
  readonly #body = make("div");
  readonly #empty = make("div", "nfv-dim nfv-empty");
  readonly #more = make("button", "nfv-button", { type: "button" }, __("Show more"));
  readonly #buttons = new Map<Tab, HTMLButtonElement>();
  #tab: Tab = "inputs";
  #node = -1;
  #path = "";
  #shown = "";
  #parts: PartBox[] = [];

  constructor(store: Store) {
    this.#store = store;
    this.#panel.id = unique();
    for (const tab of TABS) {
      const button = make("button", "nfv-tab", { type: "button", role: "tab", id: unique() });
      say(button, tabName(tab));
      set(button, "aria-controls", this.#panel.id);
      button.addEventListener("click", () => {
        this.choose(this.#node, tab);
      });
      this.#buttons.set(tab, button);
      this.#tabs.append(button);
    }
    this.#tabs.addEventListener("keydown", (event) => {
      this.#walk(event);
    });
    this.#cancel.addEventListener("click", () => {
      store.command({ t: "cancel", id: this.#node });
    });
    this.#more.addEventListener("click", () => {
      if (this.#tab !== "timeline") store.look(this.#node, this.#tab, true);
    });
    const title = make("div", "nfv-details-title", {}, this.#head, this.#facts, this.#cancel);
    this.#panel.append(this.#body, this.#empty, this.#more);
    this.element.append(title, this.#tabs, this.#panel);
  }

  /** Show a Node; by itself the pane that says most of it. */
  choose(id: number, tab?: Tab): void {
    const node = this.#store.state.nodes.get(id);
    show(this.element, node !== undefined);
    if (node === undefined) return;
    if (id !== this.#node && tab === undefined) tab = likely(node);
    const wanted = tab ?? this.#tab;
    if (id === this.#node && wanted === this.#tab && this.#shown !== "") return;
    this.#node = id;
    this.#path = visible(pathOf(this.#store.state, node));
    this.#tab = wanted;
    this.#shown = "";
    this.#clear();
    this.paint();
  }

  focus(): void {
    this.#buttons.get(this.#tab)?.focus();
  }

  #walk(event: KeyboardEvent): void {
    const at = TABS.indexOf(this.#tab);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const tab = TABS[(to + TABS.length) % TABS.length];
    if (tab !== undefined) this.choose(this.#node, tab);
    this.focus();
  }

  paint(): void {
    const state = this.#store.state;
    const node = state.nodes.get(this.#node);
    if (node === undefined) return;
    const now = clock(state, performance.now());
    say(this.#head, `${SHAPES[node.state]} ${this.#path}`);
    say(this.#facts, facts(node, now));
    show(this.#cancel, node.state <= 1 && this.#store.player === null);
    set(this.#cancel, "disabled", this.#store.isPending(node.id));
    set(this.#cancel, "aria-label", __("Cancel %1 and all below it", node.name));
    for (const [tab, button] of this.#buttons) {
      set(button, "aria-selected", String(tab === this.#tab));
      set(button, "tabindex", tab === this.#tab ? 0 : -1);
      if (tab === this.#tab) set(this.#panel, "aria-labelledby", button.id);
    }
    if (this.#tab === "timeline") this.#timeline(state, node, now);
    else this.#pane(node, this.#tab);
  }

  #pane(node: RunNode, pane: Exclude<Tab, "timeline">): void {
    // What can still change is asked for again when its Node moved on, or a message was missed.
    const moved = pane === "transcript" ? "" : `${node.state}${node.waits}`;
    const stage = `${node.id}/${pane}/${moved}/${this.#store.state.gaps}`;
    if (stage !== this.#shown) {
      this.#shown = stage;
      this.#store.look(node.id, pane);
    }
    const known = this.#store.state.details.get(key(node.id, pane));
    if (known === undefined) return;
    const panel = this.#panel;
    const atEnd = panel.scrollTop + panel.clientHeight >= panel.scrollHeight - 24;
    while (this.#parts.length > known.parts.length) this.#parts.pop()?.element.remove();
    known.parts.forEach((part, i) => {
      let box = this.#parts[i];
      if (box === undefined) {
        box = new PartBox();
        this.#parts.push(box);
        this.#body.append(box.element);
      }
      box.paint(part);
    });
    show(this.#more, known.next !== null);
    show(this.#empty, known.parts.length === 0);
    say(this.#empty, nothing(pane));
    if (atEnd && pane === "transcript" && node.state <= 1) panel.scrollTop = panel.scrollHeight;
  }

  #timeline(state: RunState, node: RunNode, now: number): void {
    this.#shown = "timeline";
    const below = [node.id, ...node.children.slice(0, MOST_BARS)];
    const nodes = below.map((id) => state.nodes.get(id)).filter((one) => one !== undefined);
    const began = nodes.filter((one) => one.start > 0);
    const from = Math.min(...began.map((one) => one.start));
    const to = Math.max(from + 1, ...began.map((one) => one.start + lasted(one, now)));
    while (this.#body.childElementCount > began.length) this.#body.lastElementChild?.remove();
    began.forEach((one, i) => {
      const row = (this.#body.children[i] ?? this.#body.appendChild(bar())) as HTMLElement;
      const [name, track, time] = Array.from(row.children) as HTMLElement[];
      if (name === undefined || track === undefined || time === undefined) return;
      say(name, `${SHAPES[one.state]} ${visible(one.name)}`);
      const fill = track.firstElementChild as HTMLElement;
      fill.style.marginLeft = `${((one.start - from) / (to - from)) * 100}%`;
      fill.style.width = `${Math.max(0.5, (lasted(one, now) / (to - from)) * 100)}%`;
      fill.dataset["state"] = String(one.state);
      say(time, seconds(lasted(one, now)));
      set(
        row,
        "aria-label",
        __("%1, began after %2", spoken(one, now), seconds(one.start - from) || "0 s"),
      );
    });
    show(this.#more, false);
    const left = node.children.length - MOST_BARS;
    show(this.#empty, began.length === 0 || left > 0);
    say(
      this.#empty,
      left > 0 ? __("and %1 more below it", left.toLocaleString("en-US")) : nothing("timeline"),
    );
  }

  #clear(): void {
    this.#body.replaceChildren();
    this.#parts = [];
    this.#panel.scrollTop = 0;
    show(this.#more, false);
    show(this.#empty, false);
  }
}

function tabName(tab: Tab): string {
  switch (tab) {
    case "transcript":
      return __("Transcript");
    case "inputs":
      return __("Inputs");
    case "result":
      return __("Result");
    case "error":
      return __("Error");
    case "policy":
      return __("Policy");
    case "state":
      return __("State");
    case "timeline":
      return __("Timeline");
  }
}

/** What is said where there is nothing to show. */
function nothing(tab: Tab): string {
  switch (tab) {
    case "transcript":
      return __("No conversation: this is code, or nothing was said yet.");
    case "inputs":
      return __("It takes no arguments.");
    case "result":
      return __("There is no result yet.");
    case "error":
      return __("There is no error.");
    case "state":
      return __("It touched nothing of the state.");
    case "policy":
      return __("Nobody had to rule on it, and it asked no model.");
    case "timeline":
      return __("Nothing below it began yet.");
  }
}

function likely(node: RunNode): Tab {
  if (node.state === 3) return "error";
  if (node.isAgent) return "transcript";
  if (isAsking(node)) return "policy";
  return node.state === 2 ? "result" : "inputs";
}

function facts(node: RunNode, now: number): string {
  const parts = [stateWord(node), seconds(lasted(node, now))];
  if (node.below > 0) parts.push(__("%1 of %2 below done", node.done, node.below));
  if (node.tokens > 0) parts.push(__("%1 tokens", tokens(node.tokens)));
  parts.push(priced(node));
  parts.push(visible(node.mark));
  return parts.filter(Boolean).join(" · ");
}

function bar(): HTMLElement {
  const fill = make("div", "nfv-fill");
  return make(
    "div",
    "nfv-bar",
    { role: "img" },
    make("span", "nfv-bar-name"),
    make("div", "nfv-track", {}, fill),
    make("span", "nfv-bar-time"),
  );
}

/** One part of a pane. A text that grows is added to, not set again. */
class PartBox {
  readonly element = make("div", "nfv-part");
  readonly #title = make("div", "nfv-part-title");
  readonly #text = make("div", "nfv-part-text", { dir: "auto" });
  #known = "";

  constructor() {
    this.element.append(this.#title, this.#text);
  }

  paint(part: Part): void {
    if (this.element.dataset["kind"] !== part.kind) this.element.dataset["kind"] = part.kind;
    say(this.#title, `${MARKS[part.kind] ?? ""}${visible(part.title)}`);
    show(this.#title, part.title !== "");
    if (part.text === this.#known) return;
    if (this.#known !== "" && part.text.startsWith(this.#known) && part.text.length < MOST_CHARS) {
      this.#text.append(visible(part.text.slice(this.#known.length)));
    } else {
      const left = part.text.length - MOST_CHARS;
      const end = visible(left > 0 ? part.text.slice(left) : part.text);
      this.#text.textContent =
        left > 0 ? `(${__("%1 characters before", left.toLocaleString("en-US"))})\n${end}` : end;
    }
    this.#known = part.text;
  }
}
