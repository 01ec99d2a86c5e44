// Tabs of what the kernel draws: charts over runs, and the ledger of one run. The same HTML stands
// in cells, so that it is cleaned as a cell's output is.

import { MainAreaWidget, Sanitizer } from "@jupyterlab/apputils";
import { Widget } from "@lumino/widgets";
import { type ISignal, Signal } from "@lumino/signaling";
import { button, make, say } from "./dom.js";
import type { Hub, Moved } from "./hub.js";
import { runsIcon } from "./icon.js";
import type { Link } from "./link.js";
import { type By, BYS, type Of, OFS } from "./messages.js";
import { rowOf } from "./state.js";
import { called, type Words } from "./words.js";

// What is drawn follows the runs no faster than this.
const AGAIN_MS = 2_000;

/** What the kernel of a notebook drew, and draws again when its runs changed. */
abstract class Report extends Widget {
  protected readonly body = make("div", "jp-RenderedHTMLCommon jp-RenderedHTML");
  readonly #note = make("p", "nfx-sum", { role: "status" });
  readonly #renamed = new Signal<this, void>(this);
  readonly #clean = new Sanitizer();
  #link: Link | null = null;
  /** Of which state of the runs it is. */
  #drawn = -1;
  #isAsking = false;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    public notebook: string,
    protected readonly hub: Hub,
    protected readonly trans: Words,
  ) {
    super();
    this.addClass("nfx-usage");
    this.node.append(this.#note, this.body);
    this.body.tabIndex = 0;
    this.title.icon = runsIcon;
    this.title.closable = true;
    hub.moved.connect(this.#move, this);
    hub.changed.connect(this.#follow, this);
    hub.linked.connect(this.#follow, this);
  }

  get renamed(): ISignal<this, void> {
    return this.#renamed;
  }

  protected abstract ask(link: Link): Promise<string | null>;
  /** Say what it is, above the tab. */
  protected abstract name(link: Link | null): void;

  /** Draw it anew: something else is asked for. */
  protected again(): void {
    this.#drawn = -1;
    this.#follow();
  }

  protected follow(): void {
    this.#follow();
  }

  #move(_: Hub, { from, to }: Moved): void {
    if (from !== this.notebook) return;
    this.notebook = to;
    this.name(this.#link);
    this.#renamed.emit();
  }

  #follow(): void {
    if (this.isDisposed) return;
    const link = this.hub.at(this.notebook);
    if (link !== this.#link) {
      this.#link?.changed.disconnect(this.#follow, this);
      this.#link = link;
      this.#drawn = -1;
      link?.changed.connect(this.#follow, this);
    }
    this.name(link);
    const isHere = link?.state.way === "here";
    const waits = this.trans.__("Waiting for the kernel of %1 to load netflux_nb…", this.notebook);
    this.#note.hidden = isHere;
    say(this.#note, isHere ? "" : waits);
    if (!isHere || this.#isAsking || link.state.changes === this.#drawn) return;
    this.#timer ??= setTimeout(
      () => {
        this.#timer = null;
        if (!this.isDisposed) void this.#draw(link);
      },
      this.#drawn < 0 ? 0 : AGAIN_MS,
    );
  }

  async #draw(link: Link): Promise<void> {
    this.#isAsking = true;
    this.#drawn = link.state.changes;
    const html = await this.ask(link);
    this.#isAsking = false;
    if (this.isDisposed) return;
    if (html === null) {
      // No answer came: the next thing that is heard of the kernel asks again.
      this.#drawn = -1;
      return;
    }
    const page = new DOMParser().parseFromString(this.#clean.sanitize(html), "text/html");
    this.body.replaceChildren(...page.body.childNodes);
    this.#follow();
  }

  override dispose(): void {
    if (this.isDisposed) return;
    this.hub.changed.disconnect(this.#follow, this);
    this.hub.linked.disconnect(this.#follow, this);
    this.hub.moved.disconnect(this.#move, this);
    this.#link?.changed.disconnect(this.#follow, this);
    if (this.#timer !== null) clearTimeout(this.#timer);
    Signal.clearData(this);
    super.dispose();
  }
}

function byWord(by: By, trans: Words): string {
  switch (by) {
    case "day":
      return trans.__("by day");
    case "fn":
      return trans.__("by Function");
    case "model":
      return trans.__("by model");
  }
}

function ofWord(of: Of, trans: Words): string {
  switch (of) {
    case "cost":
      return trans.__("Money");
    case "tokens":
      return trans.__("Tokens");
    case "latency":
      return trans.__("Latency, p50 and p95");
    case "errors":
      return trans.__("Errors");
  }
}

/** Money, tokens, latency or errors over runs. */
class ChartsContent extends Report {
  #by: By = "day";
  #of: Of = "cost";
  #whole = false;

  constructor(notebook: string, hub: Hub, trans: Words) {
    super(notebook, hub, trans);
    const choose = <T extends string>(
      label: string,
      offers: readonly (readonly [T, string])[],
      take: (value: T) => void,
    ): HTMLElement => {
      const made = make("select", "nfx-filter", { "aria-label": label });
      for (const [value, word] of offers) made.append(make("option", "", { value }, word));
      made.addEventListener("change", () => {
        take(made.value as T);
        this.again();
      });
      return made;
    };
    const bar = make(
      "div",
      "nfx-bar",
      { role: "toolbar", "aria-label": trans.__("What the chart shows") },
      choose(
        trans.__("What is drawn"),
        OFS.map((of) => [of, ofWord(of, trans)] as const),
        (of) => {
          this.#of = of;
        },
      ),
      choose(
        trans.__("How it is laid out"),
        BYS.map((by) => [by, byWord(by, trans)] as const),
        (by) => {
          this.#by = by;
        },
      ),
      choose(
        trans.__("Which runs"),
        [
          ["", trans.__("This notebook")],
          ["whole", trans.__("All runs")],
        ],
        (whole) => {
          this.#whole = whole !== "";
        },
      ),
      button("nfx-icon", "↻", trans.__("Draw again"), () => {
        this.again();
      }),
    );
    this.node.prepend(bar);
    this.body.setAttribute("aria-live", "polite");
    this.follow();
  }

  protected override ask(link: Link): Promise<string | null> {
    return link.html({ t: "chart", by: this.#by, of: this.#of, whole: this.#whole });
  }

  protected override name(): void {
    const file = this.notebook.slice(this.notebook.lastIndexOf("/") + 1);
    this.title.label = this.trans.__("Charts of %1", file);
    this.title.caption = this.trans.__("Charts over the runs of %1", this.notebook);
  }
}

/** What was free in one run. */
class LedgerContent extends Report {
  constructor(
    readonly run: string,
    notebook: string,
    hub: Hub,
    trans: Words,
  ) {
    super(notebook, hub, trans);
    this.follow();
  }

  protected override ask(link: Link): Promise<string | null> {
    return link.html({ t: "ledger", run: this.run });
  }

  protected override name(link: Link | null): void {
    const row = link === null ? undefined : rowOf(link.state, this.run);
    const what = row === undefined ? this.run.slice(-12) : row.title || row.fn;
    this.title.label = this.trans.__("Ledger of %1", what);
    const whole = row === undefined ? this.run : `${called(row)}, ${this.run}`;
    this.title.caption = this.trans.__("What was free in %1", whole);
  }
}

export class ChartsTab extends MainAreaWidget<ChartsContent> {
  constructor(notebook: string, hub: Hub, trans: Words) {
    super({ content: new ChartsContent(notebook, hub, trans) });
    this.toolbar.hide();
    this.id = `nfx-charts-${notebook}`;
  }

  get notebook(): string {
    return this.content.notebook;
  }
}

export class LedgerTab extends MainAreaWidget<LedgerContent> {
  constructor(run: string, notebook: string, hub: Hub, trans: Words) {
    super({ content: new LedgerContent(run, notebook, hub, trans) });
    this.toolbar.hide();
    this.id = `nfx-ledger-${run}`;
  }

  get run(): string {
    return this.content.run;
  }

  get notebook(): string {
    return this.content.notebook;
  }
}
