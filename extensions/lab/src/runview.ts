// A run in a tab of its own: the same view as in a cell, fed over the panel's comm.

import { MainAreaWidget } from "@jupyterlab/apputils";
import { Widget } from "@lumino/widgets";
import type { Message } from "@lumino/messaging";
import { type ISignal, Signal } from "@lumino/signaling";
import type { Command as Asked, Message as Told } from "../../view/messages.js";
import { make, say } from "./dom.js";
import type { Hub, Moved } from "./hub.js";
import { runsIcon } from "./icon.js";
import type { Link } from "./link.js";
import type { Row } from "./messages.js";
import { rowOf } from "./state.js";
import type { Words } from "./words.js";

// As many rows as the tallest window shows; the tab's own height cuts them.
const MOST_ROWS = 200;

export interface Tab {
  readonly run: string;
  /** Whose kernel is asked, by the notebook's path. */
  readonly notebook: string;
}

/** The view of one run, by its name, as soon as a kernel is there that knows of it. */
export class RunContent extends Widget {
  readonly #renamed = new Signal<this, void>(this);
  readonly #empty: HTMLElement;
  #link: Link | null = null;
  #close: (() => void) | null = null;
  #heard: Link | null = null;
  #isGone = false;
  #turn = 0;
  #isMissing = false;
  /** Let what is seen stand still. */
  #stop: () => void = () => undefined;

  constructor(
    public tab: Tab,
    private readonly hub: Hub,
    private readonly trans: Words,
    private readonly rows: number,
  ) {
    super();
    this.#name();
    this.#empty = make("p", "nfx-empty", { role: "status" });
    this.node.append(this.#empty);
    hub.changed.connect(this.#follow, this);
    hub.linked.connect(this.#follow, this);
    hub.moved.connect(this.#move, this);
  }

  /** Its notebook has another path. */
  get renamed(): ISignal<this, void> {
    return this.#renamed;
  }

  #move(_: Hub, { from, to }: Moved): void {
    if (from !== this.tab.notebook) return;
    this.tab = { ...this.tab, notebook: to };
    this.#name();
    this.#renamed.emit();
  }

  /** Say what it is; of a run that no kernel has told of yet that is its name in the record. */
  #name(): void {
    const { run, notebook } = this.tab;
    const state = this.#linkNow()?.state;
    const row = state === undefined ? undefined : rowOf(state, run);
    if (row !== undefined) this.title.label = row.title || row.fn;
    else if (this.title.label === "") this.title.label = run.slice(-12);
    this.title.caption = this.trans.__("Run %1 of %2", run, notebook);
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this.#follow();
  }

  /** Watch the run as soon as its kernel is there. What is seen stays when the kernel goes. */
  #follow(): void {
    if (this.isDisposed) return;
    const link = this.#linkNow();
    if (link !== this.#heard) {
      this.#heard?.changed.disconnect(this.#follow, this);
      this.#heard = link;
      link?.changed.connect(this.#follow, this);
    }
    this.#name();
    const isHere = link?.state.way === "here";
    // A kernel that came again knows nothing of who looked at its runs before.
    if (isHere && (link !== this.#link || this.#isGone)) void this.#show(link);
    this.#isGone = !isHere;
    if (!isHere) this.#stop();
    const isSeen = this.#close !== null;
    const note = this.#note(isHere ? rowOf(link.state, this.tab.run) : null, isSeen);
    // Nobody is there who could do what its buttons say.
    this.toggleClass("nfx-still", note !== "");
    this.#empty.className = isSeen ? "nfx-notice" : "nfx-empty";
    this.#empty.hidden = note === "";
    say(this.#empty, note);
  }

  /** What is to be said above what is seen; `row` is null where there is no kernel. */
  #note(row: Row | null | undefined, isSeen: boolean): string {
    const { trans } = this;
    if (this.#isMissing) {
      return trans.__("The view of a run could not be loaded: reload this page.");
    }
    if (row === null && isSeen) {
      return this.tab.notebook === "" || this.hub.isOpen(this.tab.notebook)
        ? trans.__("The kernel of this run is gone. This is what was seen last.")
        : trans.__("The notebook of this run is closed. This is what was seen last.");
    }
    if (row === null) {
      return trans.__("Waiting for the kernel of %1 to load netflux_nb…", this.tab.notebook);
    }
    if (row?.mine !== false || row.seconds !== null) return "";
    return row.state === "CutOff"
      ? trans.__("This run was cut off. This is what the record has of it.")
      : trans.__("Another kernel runs this. This is what the record had when it was opened here.");
  }

  #linkNow(): Link | null {
    const own = this.tab.notebook === "" ? null : this.hub.at(this.tab.notebook);
    return own ?? (this.tab.notebook === "" ? this.hub.current : null);
  }

  async #show(link: Link): Promise<void> {
    this.#link = link;
    const turn = ++this.#turn;
    const drawn = await import("./drawn.js").catch(() => null);
    if (this.isDisposed || turn !== this.#turn) return;
    this.#isMissing = drawn === null;
    if (drawn !== null) this.#draw(link, drawn);
    this.#follow();
  }

  #draw(link: Link, { RunView, Store }: typeof import("./drawn.js")): void {
    this.#close?.();
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
    const view = new RunView(store, { rows: this.rows });
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
    this.hub.moved.disconnect(this.#move, this);
    this.#heard?.changed.disconnect(this.#follow, this);
    this.#close?.();
    Signal.clearData(this);
    super.dispose();
  }
}

export class RunTab extends MainAreaWidget<RunContent> {
  constructor(tab: Tab, hub: Hub, trans: Words) {
    const content = new RunContent(tab, hub, trans, MOST_ROWS);
    content.addClass("nfx-runtab");
    content.title.icon = runsIcon;
    content.title.closable = true;
    super({ content });
    this.toolbar.hide();
    this.id = `nfx-run-${tab.run}`;
  }

  get tab(): Tab {
    return this.content.tab;
  }
}
