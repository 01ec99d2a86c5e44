// Tabs of what the kernel draws: charts over runs, and the ledger of one run.

import { MainAreaWidget } from "@jupyterlab/apputils";
import { button, make } from "./dom.js";
import type { Hub } from "./hub.js";
import type { Link } from "./link.js";
import { type By, BYS, type Of, OFS } from "./messages.js";
import { Report } from "./report.js";
import { rowOf } from "./state.js";
import { called, type Words } from "./words.js";

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
