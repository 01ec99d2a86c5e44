// The panel at the side: every run of the active notebook's kernel and of its record.

import { Menu, Widget } from "@lumino/widgets";
import { MessageLoop, type Message } from "@lumino/messaging";
import type { CommandRegistry } from "@lumino/commands";
import { type ISignal, Signal } from "@lumino/signaling";
import { Asking } from "./asking.js";
import { button, make, say } from "./dom.js";
import { Filters, type Kept, wishOf } from "./filters.js";
import type { Hub } from "./hub.js";
import { RunList, type Source } from "./list.js";
import type { ActVerb, Row } from "./messages.js";
import { PendingList } from "./pending.js";
import type { Choices } from "./settings.js";
import type { State } from "./state.js";
import { tokens, type Words } from "./words.js";

const CLOCK_MS = 1_000;
const NOTHING: Source = { count: 0, at: () => undefined, placeOf: () => -1 };

/** What stands in the toolbar; the rest is in its menu. */
const TOOLS = [
  "open-run",
  "cancel-run",
  "diff-runs",
  "rerun-run",
  "tag-runs",
  "pin-runs",
  "unpin-runs",
  "export-runs",
  "delete-runs",
].map((name) => `netflux:${name}`);
export const REST = [
  "replay-run",
  "fork-run",
  "rename-run",
  "note-run",
  "tags-run",
  "show-ledger",
  "insert-code",
  "reveal-cell",
].map((name) => `netflux:${name}`);

export class RunsPanel extends Widget {
  readonly list: RunList;
  readonly pending: PendingList;
  readonly filters: Filters;
  readonly #kept = new Signal<this, Kept>(this);
  readonly #chosen = new Signal<this, void>(this);
  /** Seen where nothing comes by itself. */
  readonly #renew: HTMLButtonElement;
  readonly #empty: HTMLElement;
  readonly #count: HTMLElement;
  readonly #actions: HTMLElement;
  readonly #note: HTMLElement;
  readonly #asking: Asking;
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
    this.pending = new PendingList(hub, trans, commands, () => {
      (this.list.node.hidden ? this.filters.search : this.list.node).focus();
    });
    this.#empty = make("div", "nfx-empty");
    this.#count = make("div", "nfx-count", { role: "status" });
    this.#note = make("div", "nfx-note", { role: "status" });
    this.#note.hidden = true;
    this.#actions = make("div", "nfx-actions", {
      role: "toolbar",
      "aria-label": trans.__("What to do with the selected runs"),
    });
    this.#asking = new Asking(() => {
      this.refresh();
    });
    this.list = new RunList(
      trans,
      {
        open: (row) => void commands.execute("netflux:open-run", { run: row.id }),
        selected: () => {
          this.#drawActions();
          this.#drawCount();
          this.#chosen.emit();
        },
        seen: (first, last) => {
          const state = this.hub.current?.state;
          if (this.isVisible && state !== undefined) this.#asking.sight(state, first, last);
        },
        sort: (by) => {
          this.filters.sortBy(by);
        },
        edited: (row, field, value) => {
          void this.act(field, [row.id], value);
        },
      },
      choices.money,
    );
    this.#renew = button("nfx-icon nfx-renew", "↻", trans.__("Refresh Runs"), () => {
      this.renew();
    });
    const keys = button("nfx-icon", "?", trans.__("Keys of the Runs Panel"), () => {
      void commands.execute("netflux:show-keys");
    });
    const charts = button("nfx-icon", "▤", trans.__("Charts over Runs"), () => {
      void commands.execute("netflux:show-charts");
    });
    this.filters = new Filters(
      trans,
      choices,
      (kept) => {
        this.#kept.emit(kept);
        this.list.node.scrollTop = 0;
        this.list.sorted(kept.sort, kept.down);
        this.refresh();
      },
      charts,
      keys,
      this.#renew,
    );
    this.list.sorted("when", true);
    this.node.append(
      this.filters.node,
      this.pending.node,
      this.#empty,
      this.list.node,
      this.#actions,
      this.#note,
      this.#count,
    );
    this.filters.search.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowDown") return;
      event.preventDefault();
      this.list.node.focus();
    });
    this.node.addEventListener("keydown", (event) => {
      if (event.key !== "?" || event.target instanceof HTMLInputElement) return;
      event.preventDefault();
      void commands.execute("netflux:show-keys");
    });
    hub.changed.connect(() => {
      this.refresh();
    });
    choices.changed.connect(() => {
      this.#dress();
      this.refresh();
    });
    this.#dress();
  }

  #dress(): void {
    const { choices } = this;
    this.list.money = choices.money;
    this.list.height = choices.rowHeight;
    this.list.columns = choices.columns;
    this.filters.drawColumns();
    this.#renew.hidden = choices.live;
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
    this.filters.restore(kept);
    this.list.sorted(kept.sort, kept.down);
    this.refresh();
  }

  focusSearch(): void {
    this.filters.search.focus();
  }

  /** Do something to runs, and say what came of it where that is not seen. */
  async act(verb: ActVerb, runs: readonly string[], value = ""): Promise<boolean> {
    const said = await this.hub.current?.act(verb, runs, value);
    if (this.isDisposed) return false;
    const isSeen = said?.ok === true && verb !== "export" && verb !== "delete";
    this.say(isSeen ? "" : said?.text || this.trans.__("The kernel has not answered."));
    return said?.ok === true;
  }

  /** Say something below the list; who hears it is told too. */
  say(text: string): void {
    this.#note.hidden = text === "";
    say(this.#note, text);
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
    const link = this.hub.current;
    const now = link?.state ?? null;
    // With live updates off the list stands still until somebody asks, or it is another kernel's.
    const stands =
      !this.choices.live && this.#seen?.way === "here" && now?.way === "here" && now.runs.size > 0;
    const state = stands && this.#seen?.found === now.found ? this.#seen : now;
    this.#seen = state;
    if (!this.isVisible) return;
    const wish = wishOf(this.filters.kept, this.hub.notebook?.context.path ?? "");
    if (state !== null) this.filters.offer(state.offered);
    const known = state === null ? null : this.#asking.source(link, state, wish);
    const source = known?.source ?? NOTHING;
    this.#isExact = known?.isExact ?? true;
    this.#shown = source.count;
    const isEmpty = source.count === 0;
    this.list.node.hidden = isEmpty;
    this.#empty.hidden = !isEmpty;
    if (isEmpty) {
      this.#drawEmpty(state);
      if (state !== null) this.#asking.sight(state, 0, 1);
    }
    this.list.show(source);
    this.#drawActions();
    this.#drawCount();
  }

  #isExact = true;
  #shown = 0;

  #drawCount(): void {
    const { trans } = this;
    const total = this.#seen?.total ?? 0;
    const shown = this.#shown;
    const parts: string[] = [];
    if (shown > 0) {
      parts.push(
        shown === total
          ? trans._n("%1 run", "%1 runs", total, total).replace(String(total), tokens(total))
          : trans.__("%1 of %2 runs", tokens(shown), tokens(total)),
      );
    }
    if (!this.#isExact) parts.push(trans.__("searching the record…"));
    const many = this.chosen.length;
    if (many > 1) parts.push(trans.__("%1 selected", tokens(many)));
    say(this.#count, parts.join(" · "));
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
            ? this.#isExact
              ? trans.__("No run is like that.")
              : trans.__("Searching the record…")
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
    const able = (id: string): boolean =>
      this.commands.hasCommand(id) && this.commands.isVisible(id) && this.commands.isEnabled(id);
    const ids = TOOLS.filter(able);
    const rest = REST.filter(able);
    const isIdle = this.chosen.length === 0;
    this.#actions.hidden = isIdle || ids.length === 0;
    const text = `${ids.join(" ")} ${rest.length > 0}`;
    if (this.#actions.dataset["ids"] === text) return;
    this.#actions.dataset["ids"] = text;
    const kept = this.#actions.contains(document.activeElement)
      ? ((document.activeElement as HTMLElement).dataset["id"] ?? "")
      : null;
    this.#actions.replaceChildren(
      ...ids.map((id) => {
        const label = this.commands.label(id, { short: true });
        const title = this.commands.caption(id) || this.commands.label(id);
        const made = make("button", "nfx-button", { type: "button", title }, label);
        made.dataset["id"] = id;
        made.addEventListener("click", () => void this.commands.execute(id));
        return made;
      }),
      ...(rest.length > 0 ? [this.#moreButton()] : []),
    );
    if (kept === null) return;
    const same = this.#actions.querySelector<HTMLElement>(`[data-id="${CSS.escape(kept)}"]`);
    (same ?? this.list.node).focus();
  }

  #moreButton(): HTMLButtonElement {
    const word = this.trans.__("More…");
    const more = button("nfx-rest", word, word, () => {
      const menu = new Menu({ commands: this.commands });
      for (const command of REST) {
        if (this.commands.isEnabled(command)) menu.addItem({ command });
      }
      const { left, top } = more.getBoundingClientRect();
      menu.aboutToClose.connect(() => {
        requestAnimationFrame(() => {
          menu.dispose();
        });
      });
      menu.open(left, top);
    });
    more.dataset["id"] = "more";
    more.setAttribute("aria-haspopup", "menu");
    return more;
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
    this.#asking.dispose();
    this.pending.dispose();
    Signal.clearData(this);
    super.dispose();
  }
}
