// Live views in a notebook that shares its kernel with another one of the page: only one of them
// has the kernel's widgets, and a view whose model is elsewhere is an error. It is fed by the panel.

import type { NotebookPanel } from "@jupyterlab/notebook";
import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";
import { Panel } from "@lumino/widgets";
import type { Hub } from "./hub.js";
import { ROWS_IN_SIGHT } from "../../view/look.js";
import { ownRun, WIDGET } from "./outputs.js";
import { RunContent } from "./runview.js";
import type { Words } from "./words.js";

// Before the widgets' own.
const RANK = -100;

type Factory = IRenderMime.IRendererFactory;

export class Shared {
  readonly #ours = new WeakMap<NotebookPanel, Factory>();
  readonly #met = new WeakSet<NotebookPanel>();

  constructor(
    private readonly hub: Hub,
    private readonly trans: Words,
  ) {
    const look = (): void => {
      for (const panel of hub.panels) this.#meet(panel);
    };
    hub.changed.connect(look);
    hub.linked.connect((_, link) => {
      link.changed.connect(look);
    });
    look();
  }

  #meet(panel: NotebookPanel): void {
    this.#stand(panel);
    if (this.#met.has(panel)) return;
    this.#met.add(panel);
    // Who draws widgets comes once there is a kernel, in the same turn: so we come in the next.
    void panel.sessionContext.ready.then(() => {
      setTimeout(() => {
        this.#stand(panel);
      });
    });
  }

  #stand(panel: NotebookPanel): void {
    if (panel.isDisposed) return;
    const { rendermime } = panel.content;
    const theirs = rendermime.getFactory(WIDGET);
    if (theirs === undefined || theirs === this.#ours.get(panel)) return;
    const ours: Factory = {
      safe: theirs.safe,
      mimeTypes: [WIDGET],
      createRenderer: (options) =>
        panel.sessionContext.session?.kernel?.handleComms === false
          ? new Standing(theirs, options, (run) => {
              const tab = { run, notebook: panel.context.path };
              return new RunContent(tab, this.hub, this.trans, ROWS_IN_SIGHT);
            })
          : theirs.createRenderer(options),
    };
    this.#ours.set(panel, ours);
    rendermime.addFactory(ours, RANK);
  }
}

/** An output in such a notebook: of ours by the panel, of others by who draws widgets. */
class Standing extends Panel implements IRenderMime.IRenderer {
  constructor(
    private readonly theirs: Factory,
    private readonly options: IRenderMime.IRendererOptions,
    private readonly make: (run: string) => RunContent,
  ) {
    super();
    this.addClass("nfx-runcell");
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    for (const before of [...this.widgets]) before.dispose();
    const run = ownRun(model);
    if (run !== "") {
      this.addWidget(this.make(run));
      return;
    }
    const drawn = this.theirs.createRenderer(this.options);
    this.addWidget(drawn);
    await drawn.renderModel(model);
  }
}
