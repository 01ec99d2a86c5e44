// What a person chose in the settings of JupyterLab.
import { Signal } from "@lumino/signaling";
import { MONEY } from "./words.js";
export const PLUGIN = "netflux-lab:plugin";
export class Choices {
    live = true;
    marks = true;
    highlight = true;
    settle = true;
    rowHeight = 44;
    money = MONEY;
    #changed = new Signal(this);
    get changed() {
        return this.#changed;
    }
    follow(settings) {
        const take = () => {
            const given = settings.composite;
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
    }
}
