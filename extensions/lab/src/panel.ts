// The panel at the side: every run of the active notebook's kernel and of its record.

import { Widget } from "@lumino/widgets";
import { MessageLoop, type Message } from "@lumino/messaging";
import type { CommandRegistry } from "@lumino/commands";
import { type ISignal, Signal } from "@lumino/signaling";
import { button, make, say } from "./dom.js";
import type { Hub } from "./hub.js";
import { RunList } from "./list.js";
import type { Row } from "./messages.js";
import { PendingList } from "./pending.js";
import type { Choices } from "./settings.js";
import { type Filter, FILTERS, type State, wanted } from "./state.js";
import type { Words } from "./words.js";

const CLOCK_MS = 1_000;

/** What of the panel outlives a reload. */
export interface Kept {
  readonly search: string;
  readonly filter: Filter;
}

export class RunsPanel extends Widget {
  readonly list: RunList;
  readonly pending: PendingList;
  readonly #kept = new Signal<this, Kept>(this);
  readonly #chosen = new Signal<this, void>(this);
  readonly #search: HTMLInputElement;
  readonly #filter: HTMLSelectElement;
  /** Seen where nothing comes by itself. */
  readonly #renew: HTMLButtonElement;
  readonly #empty: HTMLElement;
  readonly #count: HTMLElement;
  readonly #actions: HTMLElement;
  #frame = 0;
  #clock: ReturnType<typeof setInterval> | null = null;
  #seen: State | null = null;

  constructor(
    private readonly hub: Hub,
    private readonly commands: CommandRegistry,
    private readonly choices: Choices,
    private readonly trans: Words,
  ) {
    super();
    this.addClass("nfx-panel");
    this.node.setAttribute("role", "region");
    this.node.setAttribute("aria-label", trans.__("Runs of netflux_nb"));
    this.pending = new PendingList(hub, trans, () => {
      (this.list.node.hidden ? this.#search : this.list.node).focus();
    });
    this.#search = make("input", "nfx-input nfx-search", {
      type: "search",
      placeholder: trans.__("Search runs"),
      "aria-label": trans.__("Search runs"),
    });
    this.#filter = make("select", "nfx-filter", { "aria-label": trans.__("Which runs") });
    for (const one of FILTERS) {
      this.#filter.append(make("option", "", { value: one }, filterWord(one, trans)));
    }
    this.#empty = make("div", "nfx-empty");
    this.#count = make("div", "nfx-count", { role: "status" });
    this.#actions = make("div", "nfx-actions", {
      role: "toolbar",
      "aria-label": trans.__("What to do with the selected run"),
    });
    this.list = new RunList(
      trans,
      {
        open: (row) => void commands.execute("netflux:open-run", { run: row.id }),
        selected: () => {
          this.#drawActions();
          this.#chosen.emit();
        },
        more: () => {
          if (this.isVisible) this.hub.current?.more();
        },
      },
      choices.money,
    );
    this.list.height = choices.rowHeight;
    this.#renew = button("nfx-renew", "↻", trans.__("Refresh Runs"), () => {
      this.renew();
    });
    this.#renew.hidden = choices.live;
    this.node.append(
      make("div", "nfx-bar", {}, this.#search, this.#filter, this.#renew),
      this.pending.node,
      this.#empty,
      this.list.node,
      this.#actions,
      this.#count,
    );
    this.#search.addEventListener("input", () => {
      this.#keep();
    });
    this.#filter.addEventListener("change", () => {
      this.#keep();
    });
    this.#search.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowDown") return;
      event.preventDefault();
      this.list.node.focus();
    });
    hub.changed.connect(() => {
      this.refresh();
    });
    choices.changed.connect(() => {
      this.list.money = choices.money;
      this.list.height = choices.rowHeight;
      this.#renew.hidden = choices.live;
      this.refresh();
    });
  }

  /** What is kept over a reload is otherwise than before. */
  get kept(): ISignal<this, Kept> {
    return this.#kept;
  }

  get chosenChanged(): ISignal<this, void> {
    return this.#chosen;
  }

  get chosen(): Row[] {
    return this.list.chosen;
  }

  restore(kept: Kept): void {
    this.#search.value = kept.search;
    this.#filter.value = FILTERS.includes(kept.filter) ? kept.filter : "all";
    this.refresh();
  }

  focusSearch(): void {
    this.#search.focus();
  }

  #keep(): void {
    this.#kept.emit({ search: this.#search.value, filter: this.#filter.value as Filter });
    this.list.node.scrollTop = 0;
    this.refresh();
  }

  /** Draw soon, at most once a frame; with live updates off, only what was asked for. */
  refresh(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (!this.isDisposed) this.#draw();
    });
  }

  /** Show what is known now, live updates or not. */
  renew(): void {
    this.#seen = null;
    this.hub.current?.refresh();
    this.refresh();
  }

  #draw(): void {
    this.pending.refresh();
    const now = this.hub.current?.state ?? null;
    // With live updates off the list stands still until somebody asks, or it is another kernel's.
    const stands =
      !this.choices.live && this.#seen?.way === "here" && now?.way === "here" && now.runs.size > 0;
    const state = stands ? this.#seen : now;
    this.#seen = state;
    if (!this.isVisible) return;
    const rows = this.#rows(state);
    const isEmpty = rows.length === 0;
    this.list.node.hidden = isEmpty;
    this.#empty.hidden = !isEmpty;
    if (isEmpty) this.#drawEmpty(state);
    this.list.show(rows);
    this.#drawActions();
    const total = state?.total ?? 0;
    say(this.#count, isEmpty ? "" : this.#counted(rows.length, total));
  }

  #rows(state: State | null): Row[] {
    if (state === null) return [];
    const search = this.#search.value;
    const filter = this.#filter.value as Filter;
    // What is searched for may be among what was not told yet.
    if (search !== "" || filter !== "all") this.hub.current?.more();
    const notebook = this.hub.notebook?.context.path ?? "";
    return wanted(state, { search, filter, notebook });
  }

  #counted(shown: number, total: number): string {
    return shown === total
      ? this.trans._n("%1 run", "%1 runs", total, total)
      : this.trans.__("%1 of %2 runs", shown, total);
  }

  #drawEmpty(state: State | null): void {
    const { trans } = this;
    const code = make("code", "", {}, "%load_ext netflux_nb");
    const parts: (string | Node)[] = [];
    switch (state?.way ?? "none") {
      case "none":
        parts.push(trans.__("Open a notebook to see the runs of its kernel here."));
        break;
      case "looking":
        parts.push(trans.__("Looking for netflux_nb in this kernel…"));
        break;
      case "slow":
        parts.push(trans.__("The kernel has not answered yet: it is busy, slow or starting."));
        break;
      case "absent":
        parts.push(trans.__("netflux_nb is not loaded in this kernel. In a cell, run"), code);
        break;
      case "dead":
        parts.push(trans.__("The kernel has died. Restart it, then run"), code);
        break;
      case "here":
        parts.push(
          state !== null && state.runs.size > 0
            ? trans.__("No run is like that.")
            : state?.isRead === false
              ? trans.__("Reading the record…")
              : trans.__("No runs yet. Call a Function, and its run appears here."),
        );
    }
    if (state?.isForeign === true) {
      parts.push(trans.__("The kernel has another version of netflux_nb: reload this page."));
    }
    const text = parts.map((one) => (typeof one === "string" ? one : one.textContent)).join(" ");
    if (this.#empty.dataset["text"] === text) return;
    this.#empty.dataset["text"] = text;
    this.#empty.replaceChildren(...parts.map((one) => make("p", "", {}, one)));
  }

  #drawActions(): void {
    const ids = [
      "netflux:open-run",
      "netflux:cancel-run",
      "netflux:replay-run",
      "netflux:fork-run",
      "netflux:diff-runs",
      "netflux:insert-code",
      "netflux:reveal-cell",
    ].filter((id) => this.commands.isVisible(id) && this.commands.isEnabled(id));
    const isIdle = this.chosen.length === 0;
    this.#actions.hidden = isIdle || ids.length === 0;
    const text = ids.join(" ");
    if (this.#actions.dataset["ids"] === text) return;
    this.#actions.dataset["ids"] = text;
    this.#actions.replaceChildren(
      ...ids.map((id) => {
        const label = this.commands.label(id, { short: true });
        const title = this.commands.caption(id) || this.commands.label(id);
        const made = make("button", "nfx-button", { type: "button", title }, label);
        made.addEventListener("click", () => void this.commands.execute(id));
        return made;
      }),
    );
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.refresh();
    // Times of what runs go on though nothing is told.
    this.#clock ??= setInterval(() => {
      if (this.choices.live && (this.hub.current?.state.status.running ?? 0) > 0) this.list.draw();
    }, CLOCK_MS);
  }

  protected override onBeforeHide(message: Message): void {
    super.onBeforeHide(message);
    if (this.#clock !== null) clearInterval(this.#clock);
    this.#clock = null;
  }

  protected override onResize(message: Widget.ResizeMessage): void {
    super.onResize(message);
    this.list.draw();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    MessageLoop.sendMessage(this.pending, Widget.Msg.AfterAttach);
  }

  override dispose(): void {
    if (this.isDisposed) return;
    if (this.#clock !== null) clearInterval(this.#clock);
    cancelAnimationFrame(this.#frame);
    this.pending.dispose();
    Signal.clearData(this);
    super.dispose();
  }
}

export function filterWord(filter: Filter, trans: Words): string {
  switch (filter) {
    case "all":
      return trans.__("All runs");
    case "live":
      return trans.__("Running");
    case "asks":
      return trans.__("Waiting for you");
    case "failed":
      return trans.__("Error or cut off");
    case "notebook":
      return trans.__("This notebook");
  }
}
