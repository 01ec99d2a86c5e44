// The status bar: what runs, what this notebook used today, what is left.

import { Widget } from "@lumino/widgets";
import { type ISignal, Signal } from "@lumino/signaling";
import { make, say } from "./dom.js";
import type { Hub } from "./hub.js";
import type { Choices } from "./settings.js";
import { statusText, type Words } from "./words.js";

export class StatusItem extends Widget {
  readonly #button: HTMLButtonElement;
  readonly #shape: HTMLElement;
  readonly #text: HTMLElement;
  readonly #active = new Signal<this, void>(this);
  #isActive = false;

  constructor(
    private readonly hub: Hub,
    private readonly choices: Choices,
    private readonly trans: Words,
    act: () => void,
  ) {
    super();
    this.addClass("nfx-status");
    this.#shape = make("span", "nfx-shape", { "aria-hidden": "true" });
    this.#text = make("span", "nfx-status-text");
    this.#button = make("button", "nfx-status-button", { type: "button" }, this.#shape, this.#text);
    this.#button.addEventListener("click", act);
    this.node.append(this.#button);
    hub.changed.connect(this.#draw, this);
    choices.changed.connect(this.#draw, this);
    this.#draw();
  }

  get isActive(): boolean {
    return this.#isActive;
  }

  get activeChanged(): ISignal<this, void> {
    return this.#active;
  }

  #draw(): void {
    const state = this.hub.current?.state;
    const isHere = state?.way === "here";
    const { trans } = this;
    if (isHere) {
      const { status } = state;
      const text = statusText(status, this.choices.money, trans);
      say(this.#shape, status.waiting > 0 ? "!" : status.running > 0 ? "◐" : "●");
      say(this.#text, text === "" ? trans.__("netflux: idle") : text);
      this.#button.dataset["state"] =
        status.waiting > 0 ? "Asks" : status.running > 0 ? "Running" : "Idle";
      const title = trans.__("netflux_nb, this notebook today: %1. Show usage.", text || "–");
      this.#button.title = title;
      this.#button.setAttribute("aria-label", title);
    }
    if (isHere === this.#isActive) return;
    this.#isActive = isHere;
    this.#active.emit();
  }
}
