// The status bar: what runs, what this notebook used today, what is left.
import { Widget } from "@lumino/widgets";
import { Signal } from "@lumino/signaling";
import { make, say } from "./dom.js";
import { money, tokens } from "./words.js";
/** What is said of a notebook: nothing where there is nothing to say. */
export function statusText(status, how, trans) {
    const parts = [];
    if (status.waiting > 0) {
        parts.push(trans._n("%1 waits for you", "%1 wait for you", status.waiting, status.waiting));
    }
    if (status.running > 0)
        parts.push(trans.__("%1 running", status.running));
    if (status.tokens > 0)
        parts.push(trans.__("%1 tokens", tokens(status.tokens)));
    if (status.usd > 0 || status.unpriced > 0) {
        const spent = money(status.usd, status.unpriced, how);
        parts.push(status.left === null
            ? spent
            : trans.__("%1 today, %2 left", spent, money(status.left, 0, how)));
    }
    return parts.join(" · ");
}
export class StatusItem extends Widget {
    hub;
    choices;
    trans;
    #button;
    #shape;
    #text;
    #active = new Signal(this);
    #isActive = false;
    constructor(hub, choices, trans, act) {
        super();
        this.hub = hub;
        this.choices = choices;
        this.trans = trans;
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
    get isActive() {
        return this.#isActive;
    }
    get activeChanged() {
        return this.#active;
    }
    #draw() {
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
        if (isHere === this.#isActive)
            return;
        this.#isActive = isHere;
        this.#active.emit();
    }
}
