// A live view that was saved becomes the static tree of its run once that is known to have ended.

import type { ICodeCellModel } from "@jupyterlab/cells";
import type { NotebookPanel } from "@jupyterlab/notebook";
import type { IOutput } from "@jupyterlab/nbformat";
import type { IOutputAreaModel } from "@jupyterlab/outputarea";
import type { Hub } from "./hub.js";
import type { Link } from "./link.js";
import { isOver } from "./messages.js";
import { ownRun, runOf, settled, stays } from "./outputs.js";
import type { Choices } from "./settings.js";
import type { Words } from "./words.js";

// The kernel's own static view comes by its display id, which only an older page has lost.
const OWN_MS = 1_500;

interface Saved {
  readonly area: IOutputAreaModel;
  readonly at: number;
  readonly run: string;
  /** The end of its run does not end it. */
  readonly stays: boolean;
}

export class Settler {
  readonly #watched = new WeakSet<NotebookPanel>();
  /** Live views that were taken out when a notebook was opened, by the run. */
  readonly #kept = new WeakMap<NotebookPanel, Map<string, IOutput>>();
  readonly #asked = new Set<string>();

  constructor(
    private readonly hub: Hub,
    private readonly choices: Choices,
    private readonly trans: Words,
  ) {
    hub.linked.connect((_, link) => {
      this.#meet(link);
    });
    for (const link of hub.links) this.#meet(link);
    hub.changed.connect(() => {
      this.#look();
    });
    this.#look();
  }

  #meet(link: Link): void {
    let way = link.state.way;
    link.changed.connect(() => {
      const now = link.state.way;
      if (now === way) return;
      way = now;
      for (const panel of this.hub.panelsOf(link)) void this.settle(panel);
    });
    link.ended.connect((_, run) => {
      setTimeout(() => {
        for (const panel of this.hub.panelsOf(link)) void this.settle(panel, run);
      }, OWN_MS);
    });
    link.died.connect(() => {
      const note = this.trans.__("The kernel ended while this ran.");
      for (const panel of this.hub.panelsOf(link)) this.#strip(panel, note);
    });
  }

  #look(): void {
    for (const panel of this.hub.panels) {
      if (this.#watched.has(panel)) continue;
      this.#watched.add(panel);
      void this.#opened(panel);
    }
  }

  async #opened(panel: NotebookPanel): Promise<void> {
    await Promise.all([panel.context.ready, this.choices.ready]);
    if (panel.isDisposed || !this.choices.settle) return;
    // Whether a saved view still lives only its kernel knows, and a view of a model that is gone
    // is an error on the page: so it goes at once, and comes back where the run still goes on.
    const kept = new Map<string, IOutput>();
    for (const saved of found(panel)) {
      kept.set(saved.run, saved.area.get(saved.at).toJSON());
      put(saved, "", "");
    }
    if (kept.size > 0) this.#kept.set(panel, kept);
    await panel.sessionContext.ready;
    // Without a kernel nothing is live any more.
    if (panel.sessionContext.session?.kernel) await this.settle(panel);
    else this.#strip(panel, "");
    panel.sessionContext.kernelChanged.connect((_, { newValue }) => {
      if (newValue === null) this.#strip(panel, "");
    });
  }

  /** Replace the live views of a notebook whose runs have ended; all, or one run's. */
  async settle(panel: NotebookPanel, run = ""): Promise<void> {
    if (panel.isDisposed || !this.choices.settle) return;
    const link = this.hub.of(panel);
    if (link === null) return;
    switch (link.state.way) {
      case "absent":
        // The kernel has no netflux_nb, so it holds no view either.
        this.#strip(panel, "");
        break;
      case "here":
        for (const one of new Set([...found(panel), ...stripped(panel, this.#kept.get(panel))])) {
          if (run !== "" && (one.run !== run || one.stays)) continue;
          await this.#ask(panel, link, one.run, run !== "");
        }
        break;
      default:
        break;
    }
  }

  async #ask(panel: NotebookPanel, link: Link, run: string, isEnd: boolean): Promise<void> {
    const key = `${panel.id} ${run}`;
    if (this.#asked.has(key)) return;
    this.#asked.add(key);
    try {
      const told = await link.static(run);
      if (told === null || panel.isDisposed) return;
      const kept = this.#kept.get(panel);
      const original = kept?.get(run);
      const goesOn = told.html === "" && !isOver(told.state) && told.state !== "";
      for (const saved of [...found(panel), ...stripped(panel, kept)]) {
        if (saved.run !== run || (isEnd && saved.stays)) continue;
        // One that was opened, or played, would be as it was but for the page that is new.
        const note = saved.stays
          ? this.trans.__("This page was loaded again: run the cell to open or play it.")
          : "";
        if (told.html !== "") put(saved, told.html, note);
        else if (goesOn && original !== undefined) saved.area.set(saved.at, original);
      }
      kept?.delete(run);
    } finally {
      this.#asked.delete(key);
    }
  }

  #strip(panel: NotebookPanel, note: string): void {
    if (panel.isDisposed || !this.choices.settle) return;
    for (const saved of found(panel)) put(saved, "", note);
  }
}

function found(panel: NotebookPanel): Saved[] {
  return outputs(panel, runOf);
}

function outputs(panel: NotebookPanel, name: (output: IOutput) => string): Saved[] {
  const cells = panel.content.model?.cells;
  const all: Saved[] = [];
  for (const cell of cells ?? []) {
    if (cell.type !== "code") continue;
    const area = (cell as ICodeCellModel).outputs;
    for (let at = 0; at < area.length; at++) {
      const output = area.get(at).toJSON();
      const run = name(output);
      if (run !== "") all.push({ area, at, run, stays: stays(output) });
    }
  }
  return all;
}

/** The outputs from which a live view was taken when the notebook was opened. */
function stripped(panel: NotebookPanel, kept: ReadonlyMap<string, IOutput> | undefined): Saved[] {
  if (kept === undefined || kept.size === 0) return [];
  return outputs(panel, (output) => {
    const run = ownRun(output);
    return kept.has(run) ? run : "";
  });
}

function put(saved: Saved, html: string, note: string): void {
  const output = saved.area.get(saved.at).toJSON();
  saved.area.set(saved.at, settled(output, html, note));
}
