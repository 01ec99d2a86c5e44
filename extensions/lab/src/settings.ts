// What a person chose in the settings of JupyterLab.

import type { ISettingRegistry } from "@jupyterlab/settingregistry";
import { type ISignal, Signal } from "@lumino/signaling";
import { COLUMNS } from "./list.js";
import { MONEY, type Money } from "./words.js";

export const PLUGIN = "netflux-lab:plugin";

export class Choices {
  live = true;
  marks = true;
  highlight = true;
  settle = true;
  rowHeight = 46;
  columns: readonly string[] = COLUMNS;
  money: Money = MONEY;
  readonly #changed = new Signal<this, void>(this);
  #settings: ISettingRegistry.ISettings | null = null;
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

  /** Show these columns from now on. */
  choose(columns: readonly string[]): void {
    this.columns = columns;
    void this.#settings?.set("columns", [...columns]);
    this.#changed.emit();
  }

  follow(settings: ISettingRegistry.ISettings): void {
    this.#settings = settings;
    const take = (): void => {
      const given = settings.composite as Record<string, unknown>;
      this.live = given["liveUpdates"] !== false;
      this.marks = given["cellMarks"] !== false;
      this.settle = given["settle"] !== false;
      this.rowHeight = given["density"] === "compact" ? 40 : given["density"] === "roomy" ? 56 : 46;
      const columns = given["columns"];
      this.columns = Array.isArray(columns)
        ? COLUMNS.filter((one) => columns.includes(one))
        : COLUMNS;
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
