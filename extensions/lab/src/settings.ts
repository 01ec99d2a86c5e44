// What a person chose in the settings of JupyterLab.

import type { ISettingRegistry } from "@jupyterlab/settingregistry";
import { type ISignal, Signal } from "@lumino/signaling";
import { MONEY, type Money } from "./words.js";

export const PLUGIN = "netflux-lab:plugin";

export class Choices {
  live = true;
  marks = true;
  highlight = true;
  settle = true;
  rowHeight = 44;
  money: Money = MONEY;
  readonly #changed = new Signal<this, void>(this);
  #settle: () => void = () => undefined;
  /** Once it is known what was chosen, or that nobody can say. */
  readonly ready = new Promise<void>((resolve) => {
    this.#settle = resolve;
  });

  /** Nobody can say: what the source says holds. */
  leave(): void {
    this.#settle();
  }

  get changed(): ISignal<this, void> {
    return this.#changed;
  }

  follow(settings: ISettingRegistry.ISettings): void {
    const take = (): void => {
      const given = settings.composite as Record<string, unknown>;
      this.live = given["liveUpdates"] !== false;
      this.marks = given["cellMarks"] !== false;
      this.settle = given["settle"] !== false;
      this.rowHeight = given["density"] === "compact" ? 40 : given["density"] === "roomy" ? 56 : 46;
      const digits = given["moneyDigits"];
      const sign = given["moneySign"];
      this.money = {
        sign: typeof sign === "string" ? sign.slice(0, 8) : MONEY.sign,
        digits: typeof digits === "number" && digits >= 0 && digits <= 6 ? digits : null,
      };
      this.#changed.emit();
    };
    settings.changed.connect(take);
    take();
    this.#settle();
  }
}
