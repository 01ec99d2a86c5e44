// What a notebook used today, in a tab of its own, and anew as it grows.

import { MainAreaWidget, Sanitizer } from "@jupyterlab/apputils";
import { Widget } from "@lumino/widgets";
import { type ISignal, Signal } from "@lumino/signaling";
import { make, say } from "./dom.js";
import type { Hub, Moved } from "./hub.js";
import { runsIcon } from "./icon.js";
import type { Link } from "./link.js";
import type { Choices } from "./settings.js";
import { statusText, type Words } from "./words.js";

// The record is asked for it: not more often than this.
const AGAIN_MS = 1_000;

class UsageContent extends Widget {
  readonly #renamed = new Signal<this, void>(this);
  readonly #sum = make("p", "nfx-sum", { role: "status" });
  readonly #body = make("div", "jp-RenderedHTMLCommon jp-RenderedHTML");
  readonly #clean = new Sanitizer();
  #link: Link | null = null;
  #stamp = "";
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    public notebook: string,
    private readonly hub: Hub,
    private readonly choices: Choices,
    private readonly trans: Words,
  ) {
    super();
    this.addClass("nfx-usage");
    this.node.tabIndex = 0;
    this.node.append(this.#sum, this.#body);
    this.#name();
    hub.moved.connect(this.#move, this);
    hub.changed.connect(this.#follow, this);
    hub.linked.connect(this.#follow, this);
    choices.changed.connect(this.#follow, this);
    this.#follow();
  }

  /** Its notebook has another path. */
  get renamed(): ISignal<this, void> {
    return this.#renamed;
  }

  #move(_: Hub, { from, to }: Moved): void {
    if (from !== this.notebook) return;
    this.notebook = to;
    this.#name();
    this.#stamp = "";
    this.#renamed.emit();
  }

  #name(): void {
    const name = this.notebook.split("/").pop() ?? this.notebook;
    this.title.label = this.trans.__("Usage of %1", name);
    this.title.caption = this.trans.__("What %1 used today", this.notebook);
  }

  #follow(): void {
    if (this.isDisposed) return;
    const link = this.hub.at(this.notebook);
    if (link !== this.#link) {
      this.#link?.changed.disconnect(this.#follow, this);
      this.#link = link;
      link?.changed.connect(this.#follow, this);
    }
    if (link?.state.way !== "here") {
      this.#stamp = "";
      say(
        this.#sum,
        this.trans.__("Waiting for the kernel of %1 to load netflux_nb…", this.notebook),
      );
      return;
    }
    const { status, total } = link.state;
    say(this.#sum, statusText(status, this.choices.money, this.trans));
    const stamp = [status.tokens, status.usd, status.unpriced, total].join(" ");
    if (stamp === this.#stamp) return;
    this.#timer ??= setTimeout(
      () => {
        this.#timer = null;
        this.#stamp = stamp;
        void this.#ask(link);
      },
      this.#stamp === "" ? 0 : AGAIN_MS,
    );
  }

  async #ask(link: Link): Promise<void> {
    const html = await link.usage();
    if (this.isDisposed) return;
    if (html === null) {
      // No answer came: the next thing that is heard of the kernel asks again.
      this.#stamp = "";
      return;
    }
    const page = new DOMParser().parseFromString(this.#clean.sanitize(html), "text/html");
    this.#body.replaceChildren(...page.body.childNodes);
    this.#follow();
  }

  override dispose(): void {
    if (this.isDisposed) return;
    this.hub.changed.disconnect(this.#follow, this);
    this.hub.linked.disconnect(this.#follow, this);
    this.hub.moved.disconnect(this.#move, this);
    this.choices.changed.disconnect(this.#follow, this);
    this.#link?.changed.disconnect(this.#follow, this);
    if (this.#timer !== null) clearTimeout(this.#timer);
    Signal.clearData(this);
    super.dispose();
  }
}

export class UsageTab extends MainAreaWidget<UsageContent> {
  constructor(notebook: string, hub: Hub, choices: Choices, trans: Words) {
    const content = new UsageContent(notebook, hub, choices, trans);
    content.title.icon = runsIcon;
    content.title.closable = true;
    super({ content });
    this.toolbar.hide();
    this.id = `nfx-usage-${notebook}`;
  }

  get notebook(): string {
    return this.content.notebook;
  }
}
