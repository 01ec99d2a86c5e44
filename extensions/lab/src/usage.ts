// What a notebook used today, in a tab of its own, and anew as it grows.

import { MainAreaWidget } from "@jupyterlab/apputils";
import type { Hub } from "./hub.js";
import type { Link } from "./link.js";
import { Report } from "./report.js";
import type { Choices } from "./settings.js";
import { statusText, type Words } from "./words.js";

class UsageContent extends Report {
  constructor(
    notebook: string,
    hub: Hub,
    private readonly choices: Choices,
    trans: Words,
  ) {
    super(notebook, hub, trans);
    choices.changed.connect(this.#follow, this);
    this.follow();
  }

  protected override ask(link: Link): Promise<string | null> {
    return link.usage();
  }

  protected override name(): void {
    const name = this.notebook.slice(this.notebook.lastIndexOf("/") + 1);
    this.title.label = this.trans.__("Usage of %1", name);
    this.title.caption = this.trans.__("What %1 used today", this.notebook);
  }

  protected override stamp(link: Link): string {
    const { status, total } = link.state;
    return [status.tokens, status.usd, status.unpriced, total].join(" ");
  }

  protected override sum(link: Link): string {
    return statusText(link.state.status, this.choices.money, this.trans);
  }

  #follow(): void {
    this.follow();
  }

  override dispose(): void {
    if (this.isDisposed) return;
    this.choices.changed.disconnect(this.#follow, this);
    super.dispose();
  }
}

export class UsageTab extends MainAreaWidget<UsageContent> {
  constructor(notebook: string, hub: Hub, choices: Choices, trans: Words) {
    super({ content: new UsageContent(notebook, hub, choices, trans) });
    this.toolbar.hide();
    this.id = `nfx-usage-${notebook}`;
  }

  get notebook(): string {
    return this.content.notebook;
  }
}
