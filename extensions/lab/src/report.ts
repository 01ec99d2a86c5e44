// What the kernel of a notebook draws for a tab, and draws again when something changed. The same
// HTML stands in cells, so that it is cleaned as a cell's output is.

import { Sanitizer } from "@jupyterlab/apputils";
import { type ISignal, Signal } from "@lumino/signaling";
import { Widget } from "@lumino/widgets";
import { make, say } from "./dom.js";
import type { Hub, Moved } from "./hub.js";
import { runsIcon } from "./icon.js";
import type { Link } from "./link.js";
import type { Words } from "./words.js";

// What is drawn follows the runs no faster than this: the record is asked for it.
const AGAIN_MS = 2_000;

/** The content of such a tab. */
export abstract class Report extends Widget {
  protected readonly body = make("div", "jp-RenderedHTMLCommon jp-RenderedHTML");
  readonly #note = make("p", "nfx-sum", { role: "status" });
  readonly #renamed = new Signal<this, void>(this);
  readonly #clean = new Sanitizer();
  #link: Link | null = null;
  /** Of what it is drawn; nothing where it is to be drawn. */
  #drawn = "";
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

  /** Its notebook has another path. */
  get renamed(): ISignal<this, void> {
    return this.#renamed;
  }

  protected abstract ask(link: Link): Promise<string | null>;
  /** Say what it is, above the tab. */
  protected abstract name(link: Link | null): void;

  /** On what it depends: it is drawn again where that is another. */
  protected stamp(link: Link): string {
    return String(link.state.changes);
  }

  /** What stands above it. */
  protected sum?(link: Link): string;

  /** Draw it anew: something else is asked for. */
  protected again(): void {
    this.#drawn = "";
    this.follow();
  }

  protected follow(): void {
    this.#follow();
  }

  #follow(): void {
    if (this.isDisposed) return;
    const link = this.hub.at(this.notebook);
    if (link !== this.#link) {
      this.#link?.changed.disconnect(this.#follow, this);
      this.#link = link;
      this.#drawn = "";
      link?.changed.connect(this.#follow, this);
    }
    this.name(link);
    const isHere = link?.state.way === "here";
    const sum = isHere ? (this.sum?.(link) ?? "") : this.#waits();
    this.#note.hidden = sum === "";
    say(this.#note, sum);
    if (!isHere) this.#drawn = "";
    if (!isHere || this.#isAsking || this.stamp(link) === this.#drawn) return;
    this.#timer ??= setTimeout(
      () => {
        this.#timer = null;
        if (!this.isDisposed) void this.#draw(link);
      },
      this.#drawn === "" ? 0 : AGAIN_MS,
    );
  }

  #waits(): string {
    return this.trans.__("Waiting for the kernel of %1 to load netflux_nb…", this.notebook);
  }

  #move(_: Hub, { from, to }: Moved): void {
    if (from !== this.notebook) return;
    this.notebook = to;
    this.name(this.#link);
    this.#renamed.emit();
  }

  async #draw(link: Link): Promise<void> {
    this.#isAsking = true;
    this.#drawn = this.stamp(link);
    const html = await this.ask(link);
    this.#isAsking = false;
    if (this.isDisposed) return;
    if (html === null) {
      // No answer came: the next thing that is heard of the kernel asks again.
      this.#drawn = "";
      return;
    }
    const page = new DOMParser().parseFromString(this.#clean.sanitize(html), "text/html");
    this.body.replaceChildren(...page.body.childNodes);
    this.follow();
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
