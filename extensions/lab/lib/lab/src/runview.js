// A run in a tab of its own: the same view as in a cell, fed over the panel's comm.
import { MainAreaWidget } from "@jupyterlab/apputils";
import { runningIcon } from "@jupyterlab/ui-components";
import { Widget } from "@lumino/widgets";
import { Store } from "../../view/store.js";
import { RunView } from "../../view/view.js";
import { make, say } from "./dom.js";
// As many rows as the tallest window shows; the tab's own height cuts them.
const MOST_ROWS = 200;
class RunContent extends Widget {
    tab;
    hub;
    trans;
    #empty;
    #link = null;
    #close = null;
    constructor(tab, hub, trans) {
        super();
        this.tab = tab;
        this.hub = hub;
        this.trans = trans;
        this.addClass("nfx-runtab");
        this.#empty = make("p", "nfx-empty", { role: "status" });
        this.node.append(this.#empty);
        hub.changed.connect(this.#follow, this);
        hub.linked.connect(this.#follow, this);
    }
    onAfterAttach(message) {
        super.onAfterAttach(message);
        this.#follow();
    }
    /** Watch the run as soon as its kernel is there. What is seen stays when the kernel goes. */
    #follow() {
        if (this.isDisposed)
            return;
        const link = this.#linkNow();
        const isHere = link?.state.way === "here";
        if (isHere && link !== this.#link)
            this.#show(link);
        this.#empty.hidden = this.#close !== null && isHere;
        if (this.#empty.hidden)
            return;
        const { trans } = this;
        say(this.#empty, this.#close !== null
            ? trans.__("The kernel of this run is gone. This is what was seen last.")
            : trans.__("Waiting for the kernel of %1 to load netflux_nb…", this.tab.notebook));
    }
    #linkNow() {
        const own = this.tab.notebook === "" ? null : this.hub.at(this.tab.notebook);
        return own ?? (this.tab.notebook === "" ? this.hub.current : null);
    }
    #show(link) {
        this.#close?.();
        this.#link = link;
        const { run } = this.tab;
        let tell = () => undefined;
        const off = link.watch(run, (message) => {
            tell(message);
        });
        const store = new Store({
            send: (message) => void link.send({ t: "view", run, message }),
            listen: (hear) => {
                tell = hear;
                return () => {
                    tell = () => undefined;
                };
            },
        });
        const view = new RunView(store, { rows: MOST_ROWS });
        view.mount(this.node);
        this.#close = () => {
            view.remove();
            store.close();
            off();
        };
    }
    dispose() {
        if (this.isDisposed)
            return;
        this.hub.changed.disconnect(this.#follow, this);
        this.hub.linked.disconnect(this.#follow, this);
        this.#close?.();
        super.dispose();
    }
}
export class RunTab extends MainAreaWidget {
    tab;
    constructor(tab, hub, trans) {
        super({ content: new RunContent(tab, hub, trans) });
        this.tab = tab;
        const fn = hub.at(tab.notebook)?.state.runs.get(tab.run)?.fn;
        this.id = `nfx-run-${tab.run}`;
        this.title.label = fn ?? tab.run.slice(-12);
        this.title.caption = trans.__("Run %1 of %2", tab.run, tab.notebook);
        this.title.icon = runningIcon;
        this.title.closable = true;
    }
}
