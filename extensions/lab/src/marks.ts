// A small mark beside each cell that defines a Function: version, changes, last cost.

import type { Cell } from "@jupyterlab/cells";
import type { NotebookPanel } from "@jupyterlab/notebook";
import { make, say } from "./dom.js";
import type { Hub } from "./hub.js";
import type { Mark } from "./messages.js";
import type { Choices } from "./settings.js";
import { markText, type Words } from "./words.js";

export class Marks {
  readonly #watched = new WeakSet<NotebookPanel>();

  constructor(
    private readonly hub: Hub,
    private readonly choices: Choices,
    private readonly trans: Words,
  ) {
    hub.linked.connect((_, link) => {
      link.changed.connect(() => {
        for (const panel of hub.panelsOf(link)) this.#draw(panel);
      });
    });
    hub.changed.connect(() => {
      for (const panel of hub.panels) this.#draw(panel);
    });
    choices.changed.connect(() => {
      for (const panel of hub.panels) this.#draw(panel);
    });
  }

  #draw(panel: NotebookPanel): void {
    if (panel.isDisposed) return;
    if (!this.#watched.has(panel)) {
      this.#watched.add(panel);
      // Cells out of sight are not in the page: they get their mark when they come.
      panel.content.cellInViewportChanged.connect(() => {
        this.#draw(panel);
      });
    }
    const cells = this.choices.marks ? this.hub.of(panel)?.state.cells : undefined;
    for (const cell of panel.content.widgets) this.#put(cell, cells?.get(cell.model.id));
  }

  #put(cell: Cell, mark: Mark | undefined): void {
    let element = cell.node.querySelector<HTMLElement>(":scope .nfx-mark");
    if (mark === undefined) {
      element?.remove();
      return;
    }
    const { short, long } = markText(mark, this.choices.money, this.trans);
    if (element === null) {
      const place = cell.node.querySelector(".jp-InputArea");
      if (place === null) return;
      element = make("span", "nfx-mark", { role: "note" });
      place.append(element);
    }
    say(element, short);
    element.title = long;
    element.setAttribute("aria-label", long);
    element.dataset["changed"] = String(mark.changed ?? "never");
  }
}
