// All ways to kernels: one a kernel, found by the notebooks that use it.

import type { INotebookTracker, NotebookPanel } from "@jupyterlab/notebook";
import { type ISignal, Signal } from "@lumino/signaling";
import { Link } from "./link.js";
import type { Place } from "./messages.js";

/** A notebook's path before and after it was renamed. */
export interface Moved {
  readonly from: string;
  readonly to: string;
}

export class Hub {
  readonly #links = new Map<string, Link>();
  readonly #changed = new Signal<this, void>(this);
  readonly #linked = new Signal<this, Link>(this);
  readonly #moved = new Signal<this, Moved>(this);
  /** The notebook that was looked at last: the panel's own tab is none. */
  notebook: NotebookPanel | null = null;

  constructor(private readonly tracker: INotebookTracker) {
    tracker.forEach((panel) => {
      this.#add(panel);
    });
    tracker.widgetAdded.connect((_, panel) => {
      this.#add(panel);
    });
    tracker.currentChanged.connect((_, panel) => {
      this.#turn(panel);
    });
    this.#turn(tracker.currentWidget);
  }

  /** What is shown of the active notebook's kernel is otherwise than before. */
  get changed(): ISignal<this, void> {
    return this.#changed;
  }

  /** A kernel was met. */
  get linked(): ISignal<this, Link> {
    return this.#linked;
  }

  /** A notebook has another path: told before `changed` is. */
  get moved(): ISignal<this, Moved> {
    return this.#moved;
  }

  get links(): readonly Link[] {
    return [...this.#links.values()];
  }

  get panels(): readonly NotebookPanel[] {
    return this.tracker.filter(() => true);
  }

  /** The way to the active notebook's kernel. */
  get current(): Link | null {
    return this.notebook === null ? null : this.of(this.notebook);
  }

  of(panel: NotebookPanel): Link | null {
    const kernel = panel.sessionContext.session?.kernel;
    return kernel ? (this.#links.get(kernel.id) ?? null) : null;
  }

  /** The way to the kernel of a notebook by its path. */
  at(path: string): Link | null {
    const panel = this.tracker.find((one) => one.context.path === path);
    return panel === undefined ? null : this.of(panel);
  }

  isOpen(path: string): boolean {
    return this.tracker.find((one) => one.context.path === path) !== undefined;
  }

  panelsOf(link: Link): NotebookPanel[] {
    return this.tracker.filter((panel) => this.of(panel) === link);
  }

  #turn(panel: NotebookPanel | null): void {
    if (panel !== null && !panel.isDisposed) this.notebook = panel;
    else if (this.notebook?.isDisposed === true) this.notebook = this.panels[0] ?? null;
    this.current?.moved();
    this.#changed.emit();
  }

  #add(panel: NotebookPanel): void {
    const meet = (): void => {
      this.#meet(panel);
    };
    panel.sessionContext.kernelChanged.connect(meet);
    panel.sessionContext.connectionStatusChanged.connect(meet);
    let from = panel.context.path;
    panel.context.pathChanged.connect((_, to) => {
      this.#moved.emit({ from, to });
      from = to;
      this.of(panel)?.moved();
      this.#changed.emit();
    });
    panel.disposed.connect(() => {
      if (this.notebook === panel) this.notebook = this.panels.find((one) => one !== panel) ?? null;
      this.#sweep();
      this.#changed.emit();
    });
    if (this.notebook === null) this.notebook = panel;
    meet();
  }

  #meet(panel: NotebookPanel): void {
    if (panel.isDisposed) return;
    const kernel = panel.sessionContext.session?.kernel;
    if (kernel && !kernel.isDisposed) {
      let link = this.#links.get(kernel.id);
      const isNew = link === undefined;
      if (link === undefined) {
        link = new Link(kernel.id, () => this.#placeOf(kernel.id));
        this.#links.set(kernel.id, link);
        link.changed.connect((changed) => {
          // The notebook whose connection it used is closed; another one has the kernel too.
          if (!changed.isConnected) for (const other of this.panelsOf(changed)) this.#meet(other);
          if (changed === this.current) this.#changed.emit();
        });
      }
      // Of several connections to a kernel only one may handle comms.
      if (kernel.handleComms || !link.isConnected) link.attach(kernel);
      if (isNew) this.#linked.emit(link);
      else link.moved();
    }
    this.#sweep();
    this.#changed.emit();
  }

  #placeOf(kernelId: string): Place {
    const all = this.panels.filter(
      (panel) => !panel.isDisposed && panel.sessionContext.session?.kernel?.id === kernelId,
    );
    const panel = all.find((one) => one === this.notebook) ?? all[0];
    const of: Record<string, string> = {};
    for (const { context, sessionContext } of all) {
      const client = sessionContext.session?.kernel?.clientId;
      if (client !== undefined) of[client] = context.path;
    }
    return { path: panel?.context.path ?? "", of };
  }

  #sweep(): void {
    for (const [id, link] of this.#links) {
      const isUsed = this.panels.some(
        (panel) => !panel.isDisposed && panel.sessionContext.session?.kernel?.id === id,
      );
      if (isUsed) continue;
      this.#links.delete(id);
      link.dispose();
    }
  }
}
