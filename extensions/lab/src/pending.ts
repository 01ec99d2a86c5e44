// What waits for a person: a list with the answers beside each question.

import { Widget } from "@lumino/widgets";
import { Dialog, showDialog } from "@jupyterlab/apputils";
import { CommandRegistry } from "@lumino/commands";
import type { Hub } from "./hub.js";
import type { Link } from "./link.js";
import { button, make } from "./dom.js";
import type { Pending, Said, Verb } from "./messages.js";
import { rowOf } from "./state.js";
import { asksIn, beforeText, type Words } from "./words.js";

export class PendingList extends Widget {
  #shown: readonly Pending[] = [];
  #link: Link | null = null;
  #note = "";
  readonly #busy = new Set<string>();
  /** All that a question is about, as far as it was opened. */
  readonly #whole = new Map<string, string>();
  readonly #opened = new Set<string>();
  /** Questions that were told of aloud. */
  #told = new Set<string>();
  /** Heard while the panel is not seen, too. */
  readonly #aloud = make("div", "nfx-aloud", { "aria-live": "polite" });

  constructor(
    private readonly hub: Hub,
    private readonly trans: Words,
    private readonly commands: CommandRegistry,
    /** Where the focus goes when the last question is gone. */
    private readonly leave: () => void,
  ) {
    super();
    this.addClass("nfx-pending");
    this.node.setAttribute("role", "region");
    this.node.setAttribute("aria-label", trans.__("What waits for you"));
    this.node.addEventListener("keydown", (event) => {
      this.#pressed(event);
    });
    document.body.append(this.#aloud);
  }

  override dispose(): void {
    this.#aloud.remove();
    super.dispose();
  }

  /** Draw what waits, unless it is as it was: a text that is being typed is not lost. */
  refresh(): void {
    const link = this.hub.current;
    const pending = link?.state.pending ?? [];
    if (pending === this.#shown && link === this.#link) return;
    const kept = link === this.#link ? this.#typed() : new Map<string, string>();
    this.#shown = pending;
    this.#link = link;
    const names = new Set(pending.map(key));
    for (const name of this.#whole.keys()) if (!names.has(name)) this.#whole.delete(name);
    for (const name of this.#opened) if (!names.has(name)) this.#opened.delete(name);
    this.#tell(names);
    this.#draw(kept);
  }

  /** Say aloud what is new; each question once, and the focus stays where it is. */
  #tell(names: Set<string>): void {
    const news = this.#shown.filter((one) => !this.#told.has(key(one)));
    this.#told = names;
    const [first] = news;
    if (first === undefined) return;
    const asked = first.what.startsWith(`${first.fn}(`)
      ? first.what
      : `${first.fn}() ${first.what}`;
    const more = news.length - 1;
    const beside = more > 0 ? ` ${this.trans._n("And %1 more.", "And %1 more.", more, more)}` : "";
    this.#aloud.textContent = `${this.trans.__("It waits for you: %1.", asked)}${beside}`;
  }

  /** The approvals of one Function that are seen. */
  #alike(one: Pending): Pending[] {
    return this.#shown.filter((other) => other.kind === "approval" && other.fn === one.fn);
  }

  /** Approve all that this Function asks, once a person has read which those are. */
  async approveAlike(one: Pending | undefined = this.#focused()): Promise<void> {
    if (one?.kind !== "approval") return;
    const link = this.#link;
    // What is asked while the list is read is not in it.
    const alike = this.#alike(one);
    const { trans } = this;
    const many = alike.length;
    const listed = alike.map((each) =>
      make("li", "", {}, each.what, make("div", "nfx-where", {}, this.#where(each).join(" · "))),
    );
    const word = trans._n("Approve %1", "Approve %1", many, many);
    const body = new Widget({ node: make("ol", "nfx-alike", { tabindex: "0" }, ...listed) });
    const asked = await showDialog({
      title: trans._n("Approve %1 call of %2()?", "Approve %1 calls of %2()?", many, many, one.fn),
      body,
      buttons: [Dialog.cancelButton(), Dialog.okButton({ label: word })],
      defaultButton: 0,
    });
    if (!asked.button.accept || link === null) return;
    const said = await Promise.all(alike.map((each) => this.#send(link, each, "approve", "")));
    const refused = said.filter((each) => !each.ok);
    this.#note = refused.map((each) => each.text).join(" ");
    this.#draw(this.#typed());
  }

  #where(one: Pending): string[] {
    const state = this.#link?.state;
    const row = state === undefined ? undefined : rowOf(state, one.run);
    const alike = this.#shown.filter((other) => other.what === one.what);
    return asksIn(one, row, Date.now() / 1000, this.trans, alike.length > 1);
  }

  #focused(): Pending | undefined {
    const card = document.activeElement?.closest<HTMLElement>(".nfx-question");
    return card === null || card === undefined
      ? this.#shown.find((one) => one.kind === "approval")
      : this.#shown[Number(card.dataset["place"])];
  }

  get count(): number {
    return this.#shown.length;
  }

  /** Bring the first question to the person's hands. */
  focusFirst(): void {
    // A key that is pressed once more must not say yes: a field is no answer.
    const card = this.node.querySelector(".nfx-question");
    const first =
      card?.querySelector<HTMLElement>("input") ??
      card?.querySelector<HTMLElement>("button") ??
      null;
    if (first === null) this.leave();
    else first.focus();
  }

  /** Do something about the question that has the focus, or the first one. */
  act(verb: "approve" | "reject"): void {
    const pending = this.#focused();
    if (pending?.kind !== "approval") return;
    void this.#say(pending, verb, this.#typed().get(key(pending)) ?? "");
  }

  #typed(): Map<string, string> {
    const found = new Map<string, string>();
    for (const input of this.node.querySelectorAll<HTMLInputElement>("input[data-key]")) {
      if (input.value !== "") found.set(input.dataset["key"] ?? "", input.value);
    }
    return found;
  }

  /** Draw it. Who was in it stays where they were, or comes to the first question that is left. */
  #draw(kept: ReadonlyMap<string, string>): void {
    const active = document.activeElement;
    const place = this.node.contains(active)
      ? ((active as HTMLElement).dataset["nfx"] ?? "")
      : null;
    this.#fill(kept);
    if (place === null) return;
    const same = this.node.querySelector<HTMLElement>(`[data-nfx="${CSS.escape(place)}"]`);
    if (same === null) this.focusFirst();
    else same.focus();
  }

  #fill(kept: ReadonlyMap<string, string>): void {
    const cards = this.#shown.map((one, place) => this.#card(one, place, kept.get(key(one)) ?? ""));
    const { trans } = this;
    this.node.replaceChildren();
    this.setHidden(cards.length === 0 && this.#note === "");
    if (cards.length > 0) {
      const title = trans._n("%1 waits for you", "%1 wait for you", cards.length, cards.length);
      this.node.append(make("h2", "nfx-heading", {}, title));
    }
    this.node.append(...cards);
    if (this.#note !== "") {
      this.node.append(make("p", "nfx-note", { role: "status" }, this.#note));
    }
  }

  #card(one: Pending, place: number, typed: string): HTMLElement {
    const { trans } = this;
    const id = `nfx-question-${place}`;
    const card = make("div", "nfx-question", { role: "group", "aria-labelledby": id });
    card.dataset["place"] = String(place);
    // What is asked often begins with the call itself.
    const isCall = one.what.startsWith(`${one.fn}(`);
    const name = make("strong", "", {}, isCall ? one.fn : `${one.fn}()`);
    const what = isCall ? one.what.slice(one.fn.length) : ` ${one.what}`;
    card.append(make("div", "nfx-asked", { id }, name, what));
    const where = this.#where(one);
    if (where.length > 0) card.append(make("div", "nfx-where", {}, where.join(" · ")));
    if (one.inputs !== "") card.append(make("code", "nfx-inputs", {}, one.inputs));
    if (one.before !== null) {
      const said = beforeText(one.fn, one.before, Date.now() / 1000, trans);
      card.append(make("div", "nfx-before", {}, said));
    }
    card.append(this.#all(one));
    const input = make("input", "nfx-input", { type: "text" });
    input.dataset["key"] = key(one);
    input.dataset["nfx"] = `input ${key(one)}`;
    input.value = typed;
    const line = make("div", "nfx-answers");
    const put = (name: string, text: string, verb: Verb, value: () => string): void => {
      const made = button(name, text, `${text}: ${one.fn}()`, () => {
        void this.#say(one, verb, value());
      });
      made.dataset["nfx"] = `${verb} ${text} ${key(one)}`;
      // Not disabled: that would take the focus from who pressed it.
      if (this.#busy.has(key(one))) made.setAttribute("aria-disabled", "true");
      line.append(made);
    };
    if (one.kind === "approval") {
      const label = trans.__("Reason, if you reject");
      input.placeholder = label;
      input.setAttribute("aria-label", label);
      put("nfx-yes", trans.__("Approve"), "approve", () => "");
      put("nfx-no", trans.__("Reject"), "reject", () => input.value);
      input.classList.add("nfx-reason");
      line.append(input);
      const alike = this.#alike(one);
      if (alike.length > 1 && alike[0] === one) line.append(this.#allAlike(one, alike.length));
      card.append(line, this.#keys());
    } else if (one.choices.length > 0) {
      for (const choice of one.choices) put("", choice, "answer", () => choice);
      card.append(line);
    } else {
      const label = trans.__("Your answer");
      input.placeholder = label;
      input.setAttribute("aria-label", label);
      put("nfx-yes", trans.__("Answer"), "answer", () => input.value);
      card.append(input, line);
    }
    return card;
  }

  #allAlike(one: Pending, many: number): HTMLElement {
    const word = this.trans.__("Approve all %1 of %2()…", many, one.fn);
    const made = button("nfx-yes", word, word, () => {
      void this.approveAlike(one);
    });
    made.dataset["nfx"] = `alike ${one.fn}`;
    return made;
  }

  /** The keys of the card that has the focus, as they are bound now. */
  #keys(): HTMLElement {
    const keys = make("div", "nfx-card-keys");
    for (const [name, word] of [
      ["approve", this.trans.__("approves")],
      ["reject", this.trans.__("rejects")],
    ] as const) {
      const bound = this.commands.keyBindings.find((one) => one.command === `netflux:${name}`);
      if (bound === undefined) continue;
      const text = bound.keys.map((one) => CommandRegistry.formatKeystroke(one)).join(" ");
      keys.append(make("kbd", "", {}, text), ` ${word} `);
    }
    return keys;
  }

  /** All that the question is about, which comes when it is opened: what a yes is given to. */
  #all(one: Pending): HTMLElement {
    const name = key(one);
    const summary = make("summary", "", {}, this.trans.__("All that it is about"));
    summary.dataset["nfx"] = `whole ${name}`;
    const text = make("pre", "nfx-whole", { tabindex: "0" }, this.#whole.get(name) ?? "");
    const box = make("details", "nfx-all", {}, summary, text);
    box.open = this.#opened.has(name);
    box.addEventListener("toggle", () => {
      if (!box.open) this.#opened.delete(name);
      else if (!this.#opened.has(name)) {
        this.#opened.add(name);
        void this.#fetch(one);
      }
    });
    return box;
  }

  async #fetch(one: Pending): Promise<void> {
    const said = await this.#link?.command("whole", one.run, one.node, undefined, one.question);
    if (said === undefined || this.isDisposed) return;
    this.#whole.set(key(one), said.text || this.trans.__("The kernel has not answered."));
    this.#draw(this.#typed());
  }

  async #say(one: Pending, verb: Verb, value: string): Promise<void> {
    const link = this.#link;
    if (link === null || this.#busy.has(key(one))) return;
    const said = await this.#send(link, one, verb, value);
    if (this.isDisposed) return;
    this.#note = said.ok ? "" : said.text || this.trans.__("The kernel has not answered.");
    this.#draw(this.#typed());
  }

  async #send(link: Link, one: Pending, verb: Verb, value: string): Promise<Said> {
    const name = key(one);
    this.#busy.add(name);
    this.#draw(this.#typed());
    const given = verb === "approve" ? undefined : value;
    const said = await link.command(verb, one.run, one.node, given, one.question);
    this.#busy.delete(name);
    return said;
  }

  #pressed(event: KeyboardEvent): void {
    if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement)) return;
    const card = event.target.closest<HTMLElement>(".nfx-question");
    const one = this.#shown[Number(card?.dataset["place"] ?? -1)];
    // A reason alone is no decision: only an answer is sent by Enter.
    if (one?.kind !== "answer") return;
    event.preventDefault();
    void this.#say(one, "answer", event.target.value);
  }
}

function key(one: Pending): string {
  return `${one.run} ${one.node} ${one.question}`;
}
