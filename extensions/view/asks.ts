// What waits for a person, and how it is answered.

import { make, say, set, show, unique } from "./dom.js";
import { ASKS_SHAPE } from "./look.js";
import { pathOf } from "./rows.js";
import { key, type Ask } from "./state.js";
import type { Store } from "./store.js";
import { __, _n } from "./tongue.js";
import { answered, cut, question, visible } from "./words.js";

// All that a question is about, page by page; so much of it is drawn at once.
const MOST_CHARS = 1_000_000;

const MOST_SHOWN = 5;
// Functions whose approvals can be given at once.
const MOST_KINDS = 3;
const MOST_WHERE = 300;

interface Card {
  readonly element: HTMLElement;
  readonly buttons: HTMLButtonElement[];
  readonly paint: () => void;
}

/** A bar that lists the questions, the oldest first. Cards stay while a person types in them. */
export class AskBar {
  readonly element = make("div", "nfv-asks", { role: "group", "aria-label": __("Waits for you") });
  readonly #more = make("div", "nfv-dim");
  readonly #alike = make("div", "nfv-ask-row nfv-alike");
  /** The questions that a person reads before one yes to all of them. */
  #listed: readonly Ask[] | null = null;
  #alikeStamp = "";
  readonly #store: Store;
  readonly #go: (id: number) => void;
  readonly #cards = new Map<string, Card>();

  constructor(store: Store, go: (id: number) => void) {
    this.#store = store;
    this.#go = go;
    this.#alike.hidden = true;
    this.element.append(this.#more, this.#alike);
  }

  paint(): void {
    const asks = this.#store.state.asks.slice(0, MOST_SHOWN);
    const total = Math.max(this.#store.state.run?.asks ?? 0, this.#store.state.asks.length);
    show(this.element, asks.length > 0);
    const wanted = new Set(asks.map(named));
    for (const [name, card] of this.#cards) {
      if (wanted.has(name)) continue;
      card.element.remove();
      this.#cards.delete(name);
    }
    for (const ask of asks) {
      const name = named(ask);
      let card = this.#cards.get(name);
      if (card === undefined) {
        card = this.#card(ask);
        this.#cards.set(name, card);
        this.#more.before(card.element);
      }
      const busy = this.#store.isPending(ask.id);
      for (const button of card.buttons) set(button, "disabled", busy);
      card.paint();
    }
    const left = total - asks.length;
    show(this.#more, left > 0);
    const many = left.toLocaleString("en-US");
    const beside =
      left > 0 && _n("and %1 more that waits for you", "and %1 more that wait for you", left, many);
    say(this.#more, beside || "");
    this.#paintAlike(asks);
  }

  /** Offer one yes to all approvals of a Function, which are listed first. */
  #paintAlike(asks: readonly Ask[]): void {
    const kinds = new Map<string, Ask[]>();
    for (const ask of asks.length > 1 ? this.#store.state.asks : []) {
      if (ask.kind !== "approval") continue;
      const name = this.#nameOf(ask);
      kinds.set(name, [...(kinds.get(name) ?? []), ask]);
    }
    const offers = [...kinds].filter(([, alike]) => alike.length > 1).slice(0, MOST_KINDS);
    show(this.#alike, offers.length > 0 || this.#listed !== null);
    const said = offers.map(([name, alike]) => `${name} ${alike.length}`).join("\n");
    const stamp = this.#listed === null ? said : this.#listed.map(named).join("\n");
    if (stamp === this.#alikeStamp) return;
    this.#alikeStamp = stamp;
    if (this.#listed !== null) this.#list(this.#listed);
    else {
      const buttons = offers.map(([name, alike]) => {
        const text = __("Approve all %1 of %2()…", alike.length, visible(cut(name, 64)));
        const button = make("button", "nfv-button nfv-yes", { type: "button" }, text);
        button.addEventListener("click", () => {
          this.#listed = alike;
          this.paint();
          this.#alike.querySelector<HTMLElement>("ol")?.focus();
        });
        return button;
      });
      this.#alike.replaceChildren(...buttons);
    }
  }

  /** List what the yes is to: what is asked meanwhile is not in it. */
  #list(listed: readonly Ask[]): void {
    const lines = listed.map((ask) => {
      const where = this.#whereOf(ask);
      return make("li", "", {}, visible(ask.what), make("div", "nfv-dim", {}, where));
    });
    const many = listed.length;
    const label = _n("%1 call that waits", "%1 calls that wait", many, many);
    const list = make("ol", "nfv-ask-list", { tabindex: 0, "aria-label": label }, ...lines);
    const yes = make("button", "nfv-button nfv-yes", { type: "button" }, __("Approve %1", many));
    const no = make("button", "nfv-button", { type: "button" }, __("Back"));
    const close = (): void => {
      this.#listed = null;
      this.paint();
    };
    yes.addEventListener("click", () => {
      for (const { id, question: asked } of listed) {
        this.#store.command({ t: "approve", id, question: asked });
      }
      close();
    });
    no.addEventListener("click", close);
    this.#alike.replaceChildren(list, yes, no);
  }

  #nameOf(ask: Ask): string {
    return this.#store.state.nodes.get(ask.id)?.name ?? __("Node %1", ask.id);
  }

  /** Who asks, and where in the run. */
  #whereOf(ask: Ask): string {
    const { state } = this.#store;
    const node = state.nodes.get(ask.id);
    if (node === undefined) return "";
    let above = state.nodes.get(node.parent);
    while (above !== undefined && !above.isAgent) above = state.nodes.get(above.parent);
    const path = pathOf(state, node).split("/");
    const parts = above === undefined ? [] : [__("asked by the agent %1", above.name)];
    if (path.length > 1) parts.push(path.join(" / "));
    return visible(cut(parts.join(" · "), MOST_WHERE));
  }

  /** What was answered to calls of the same Function in this run. */
  #beforeOf(ask: Ask): string {
    const { state } = this.#store;
    const name = state.nodes.get(ask.id)?.name;
    let count = 0;
    let last = "";
    for (const node of state.nodes.values()) {
      if (node.name !== name || node.answered === "") continue;
      count++;
      last = answered(node, state.run?.since ?? 0);
    }
    if (count === 0) return "";
    const text = _n(
      "In this run before, once: %2",
      "In this run before, %1 times, the last: %2",
      count,
      count,
      last,
    );
    return visible(cut(text, MOST_WHERE));
  }

  #card(ask: Ask): Card {
    const [name, asked] = question(this.#nameOf(ask), ask.what);
    const ids = [unique(), unique()] as const;
    const title = ids.join(" ");
    const who = make("button", "nfv-link", {
      type: "button",
      title: __("Show this Node"),
      id: ids[0],
    });
    say(who, visible(cut(name, 64)));
    who.addEventListener("click", () => {
      this.#go(ask.id);
    });
    const what = make("span", "nfv-ask-what", { id: ids[1] });
    say(what, visible(asked));
    const mark = make("span", "nfv-ask-mark", { "aria-hidden": "true" }, ASKS_SHAPE);
    const line = make("div", "nfv-ask-line", {}, mark, make("div", "", {}, who, what));
    const row = make("div", "nfv-ask-row");
    const buttons: HTMLButtonElement[] = [];
    const press = (text: string, kind: string, act: () => void): HTMLButtonElement => {
      const button = make("button", `nfv-button ${kind}`, { type: "button" }, text);
      set(button, "aria-describedby", title);
      button.addEventListener("click", act);
      buttons.push(button);
      return button;
    };
    if (ask.kind === "approval") this.#approval(ask, row, press);
    else if (ask.choices.length > 0) this.#choices(ask, row, press);
    else this.#free(ask, row, press);
    const [whole, paint] = this.#whole(ask);
    const group = { role: "group", "aria-labelledby": title };
    const beside = [this.#whereOf(ask), this.#beforeOf(ask)]
      .filter((text) => text !== "")
      .map((text) => make("div", "nfv-ask-where nfv-dim", {}, text));
    const element = make("div", "nfv-ask", group, line, ...beside, whole, row);
    if (ask.kind === "approval") {
      element.append(keysOf());
      element.addEventListener("keydown", (event) => {
        const isOurs = (event.ctrlKey || event.metaKey) && event.shiftKey && !event.altKey;
        if (!isOurs || (event.key !== "Enter" && event.key !== "Backspace")) return;
        event.preventDefault();
        event.stopPropagation();
        buttons[event.key === "Enter" ? 0 : 1]?.click();
      });
    }
    return { element, buttons, paint };
  }

  /** All that the question is about, which comes when it is opened: what a yes is given to. */
  #whole(ask: Ask): readonly [HTMLElement, () => void] {
    const summary = make("summary", "nfv-ask-summary", {}, __("All that it is about"));
    const text = make("pre", "nfv-ask-text", { tabindex: 0 });
    const more = make("button", "nfv-button", { type: "button" }, __("Show more"));
    more.hidden = true;
    more.addEventListener("click", () => {
      this.#store.look(ask.id, "asked", true);
    });
    const element = make("details", "nfv-ask-whole", {}, summary, text, more);
    element.addEventListener("toggle", () => {
      if (element.open) this.#store.look(ask.id, "asked");
    });
    const paint = (): void => {
      const known = element.open ? this.#store.state.details.get(key(ask.id, "asked")) : undefined;
      if (known === undefined) return;
      const parts = known.parts.map((part) => `${part.title}\n${part.text}`);
      say(text, cut(parts.join("\n\n"), MOST_CHARS));
      show(more, known.next !== null);
    };
    return [element, paint];
  }

  #approval(ask: Ask, row: HTMLElement, press: Press): void {
    const reason = make("input", "nfv-input", {
      type: "text",
      maxlength: 400,
      placeholder: __("reason (may be empty)"),
      "aria-label": __("Reason for rejecting"),
    });
    reason.hidden = true;
    const reject = (): void => {
      if (reason.hidden) {
        reason.hidden = false;
        reason.focus();
        return;
      }
      this.#store.command({
        t: "reject",
        id: ask.id,
        question: ask.question,
        reason: reason.value,
      });
    };
    reason.addEventListener("keydown", (event) => {
      if (event.key === "Enter") reject();
      if (event.key === "Escape") {
        reason.hidden = true;
        event.stopPropagation();
      }
    });
    row.append(
      press(__("Approve"), "nfv-yes", () => {
        this.#store.command({ t: "approve", id: ask.id, question: ask.question });
      }),
      press(__("Reject"), "nfv-no", reject),
      reason,
    );
  }

  #answer(ask: Ask, value: string): void {
    this.#store.command({ t: "answer", id: ask.id, question: ask.question, value });
  }

  #choices(ask: Ask, row: HTMLElement, press: Press): void {
    for (const choice of ask.choices) {
      row.append(
        press(visible(cut(choice, 60)), "", () => {
          this.#answer(ask, choice);
        }),
      );
    }
  }

  #free(ask: Ask, row: HTMLElement, press: Press): void {
    const field = make("input", "nfv-input nfv-wide", {
      type: "text",
      maxlength: 4000,
      "aria-label": cut(__("Your answer: %1", ask.what), 200),
    });
    const send = (): void => {
      if (field.value.trim() === "") field.focus();
      else this.#answer(ask, field.value);
    };
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") send();
    });
    row.append(field, press(__("Answer"), "nfv-yes", send));
  }
}

/** Keys that run no cell: as the panel's, they act on the card that has the focus. */
function keysOf(): HTMLElement {
  const accel = /Mac|iPhone|iPad/.test(navigator.userAgent) ? "⌘" : "Ctrl";
  return make(
    "div",
    "nfv-ask-keys nfv-dim",
    {},
    make("kbd", "", {}, `${accel} Shift Enter`),
    ` ${__("approves")} `,
    make("kbd", "", {}, `${accel} Shift Backspace`),
    ` ${__("rejects")}`,
  );
}

type Press = (text: string, kind: string, act: () => void) => HTMLButtonElement;

function named(ask: Ask): string {
  return `${ask.id}/${ask.question}`;
}
