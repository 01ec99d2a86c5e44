// A run in a tab of its own: the same view as in a cell, fed over the panel's comm.

import { MainAreaWidget } from "@jupyterlab/apputils";
import { Widget } from "@lumino/widgets";
import type { Message } from "@lumino/messaging";
import { Store } from "../../view/store.js";
import { RunView } from "../../view/view.js";
import type { Command as Asked, Message as Told } from "../../view/messages.js";
import { make, say } from "./dom.js";
import type { Hub } from "./hub.js";
import { runsIcon } from "./icon.js";
import type { Link } from "./link.js";
import type { Words } from "./words.js";

// As many rows as the tallest window shows; the tab's own height cuts them.
const MOST_ROWS = 200;

export interface Tab {
  readonly run: string;
  /** Whose kernel is asked, by the notebook's path. */
  readonly notebook: string;
}

class RunContent extends Widget {
  readonly #empty: HTMLElement;
  #link: Link | null = null;
  #close: (() => void) | null = null;
  #isGone = false;
  /** Let what is seen stand still. */
  #stop: () => void = () => undefined;

  constructor(
    readonly tab: Tab,
    private readonly hub: Hub,
    private readonly trans: Words,
  ) {
    super();
    this.addClass("nfx-runtab");
    this.#empty = make("p", "nfx-empty", { role: "status" });
    this.node.append(this.#empty);
    hub.changed.connect(this.#follow, this);
    hub.linked.connect(this.#follow, this);
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this.#follow();
  }

  /** Watch the run as soon as its kernel is there. What is seen stays when the kernel goes. */
  #follow(): void {
    if (this.isDisposed) return;
    const link = this.#linkNow();
    const isHere = link?.state.way === "here";
    // A kernel that came again knows nothing of who looked at its runs before.
    if (isHere && (link !== this.#link || this.#isGone)) this.#show(link);
    this.#isGone = !isHere;
    this.toggleClass("nfx-gone", this.#isGone);
    this.#empty.hidden = this.#close !== null && isHere;
    if (this.#empty.hidden) return;
    this.#stop();
    const { trans } = this;
    say(
      this.#empty,
      this.#close !== null
        ? trans.__("The kernel of this run is gone. This is what was seen last.")
        : trans.__("Waiting for the kernel of %1 to load netflux_nb…", this.tab.notebook),
    );
  }

  #linkNow(): Link | null {
    const own = this.tab.notebook === "" ? null : this.hub.at(this.tab.notebook);
    return own ?? (this.tab.notebook === "" ? this.hub.current : null);
  }

  #show(link: Link): void {
    this.#close?.();
    this.#link = link;
    const { run } = this.tab;
    let tell: (message: Told) => void = () => undefined;
    const off = link.watch(run, (message) => {
      tell(message as Told);
    });
    this.#stop = () => {
      tell({ t: "final", seq: -1 });
    };
    const store = new Store({
      send: (message: Asked) => void link.send({ t: "view", run, message }),
      listen: (hear) => {
        tell = hear;
        return () => {
          tell = () => undefined;
        };
      },
    });
    const view = new RunView(store, { rows: MOST_ROWS });
    view.mount(this.node);
    this.#close = () => {
      view.remove();
      store.close();
      off();
    };
  }

  override dispose(): void {
    if (this.isDisposed) return;
    this.hub.changed.disconnect(this.#follow, this);
    this.hub.linked.disconnect(this.#follow, this);
    this.#close?.();
    super.dispose();
  }
}

export class RunTab extends MainAreaWidget<RunContent> {
  constructor(
    readonly tab: Tab,
    hub: Hub,
    trans: Words,
  ) {
    super({ content: new RunContent(tab, hub, trans) });
    this.toolbar.hide();
    const fn = hub.at(tab.notebook)?.state.runs.get(tab.run)?.fn;
    this.id = `nfx-run-${tab.run}`;
    this.title.label = fn ?? tab.run.slice(-12);
    this.title.caption = trans.__("Run %1 of %2", tab.run, tab.notebook);
    this.title.icon = runsIcon;
    this.title.closable = true;
  }
}
