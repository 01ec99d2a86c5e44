// A live view that was saved becomes the static tree of its run once that is known to have ended.
export const WIDGET = "application/vnd.jupyter.widget-view+json";
// The kernel's own static view comes by its display id, which only an older page has lost.
const OWN_MS = 1_500;
/** The run of an output that holds a live view; nothing where it holds none. */
export function runOf(output) {
    const given = output;
    const isLive = given["data"] !== undefined && WIDGET in given["data"];
    const own = given["metadata"]?.["netflux_nb"];
    return isLive && typeof own?.["run"] === "string" ? own["run"] : "";
}
/** An output without its live view: with this HTML, or with what it has beside it. */
export function settled(output, html, note) {
    const { [WIDGET]: _, ...data } = output["data"];
    if (html !== "")
        data["text/html"] = html;
    else if (note !== "") {
        const kept = typeof data["text/html"] === "string" ? data["text/html"] : "";
        data["text/html"] = `${kept}<p><em>${escaped(note)}</em></p>`;
    }
    return { ...output, data };
}
function escaped(text) {
    return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
export class Settler {
    hub;
    choices;
    trans;
    #watched = new WeakSet();
    #asked = new Set();
    constructor(hub, choices, trans) {
        this.hub = hub;
        this.choices = choices;
        this.trans = trans;
        hub.linked.connect((_, link) => {
            this.#meet(link);
        });
        for (const link of hub.links)
            this.#meet(link);
        hub.changed.connect(() => {
            this.#look();
        });
        this.#look();
    }
    #meet(link) {
        let way = link.state.way;
        link.changed.connect(() => {
            const now = link.state.way;
            if (now === way)
                return;
            way = now;
            for (const panel of this.hub.panelsOf(link))
                void this.settle(panel);
        });
        link.ended.connect((_, run) => {
            setTimeout(() => {
                for (const panel of this.hub.panelsOf(link))
                    void this.settle(panel, run);
            }, OWN_MS);
        });
        link.died.connect(() => {
            const note = this.trans.__("The kernel ended while this ran.");
            for (const panel of this.hub.panelsOf(link))
                this.#strip(panel, note);
        });
    }
    #look() {
        for (const panel of this.hub.panels) {
            if (this.#watched.has(panel))
                continue;
            this.#watched.add(panel);
            void this.#opened(panel);
        }
    }
    async #opened(panel) {
        await panel.context.ready;
        await panel.sessionContext.ready;
        if (panel.isDisposed)
            return;
        // Without a kernel nothing is live any more.
        if (panel.sessionContext.session?.kernel)
            await this.settle(panel);
        else
            this.#strip(panel, "");
        panel.sessionContext.kernelChanged.connect((_, { newValue }) => {
            if (newValue === null)
                this.#strip(panel, "");
        });
    }
    /** Replace the live views of a notebook whose runs have ended; all, or one run's. */
    async settle(panel, run = "") {
        if (panel.isDisposed || !this.choices.settle)
            return;
        const link = this.hub.of(panel);
        if (link === null)
            return;
        switch (link.state.way) {
            case "absent":
                // The kernel has no netflux_nb, so it holds no view either.
                this.#strip(panel, "");
                break;
            case "here":
                for (const saved of found(panel)) {
                    if (run === "" || saved.run === run)
                        await this.#ask(panel, link, saved.run);
                }
                break;
            default:
                break;
        }
    }
    async #ask(panel, link, run) {
        const key = `${panel.id} ${run}`;
        if (this.#asked.has(key))
            return;
        this.#asked.add(key);
        try {
            const told = await link.static(run);
            if (told === null || told.html === "" || panel.isDisposed)
                return;
            for (const saved of found(panel)) {
                if (saved.run === run)
                    put(saved, told.html, "");
            }
        }
        finally {
            this.#asked.delete(key);
        }
    }
    #strip(panel, note) {
        if (panel.isDisposed || !this.choices.settle)
            return;
        for (const saved of found(panel))
            put(saved, "", note);
    }
}
function found(panel) {
    const cells = panel.content.model?.cells;
    const all = [];
    for (const cell of cells ?? []) {
        if (cell.type !== "code")
            continue;
        const area = cell.outputs;
        for (let at = 0; at < area.length; at++) {
            const run = runOf(area.get(at).toJSON());
            if (run !== "")
                all.push({ area, at, run });
        }
    }
    return all;
}
function put(saved, html, note) {
    const output = saved.area.get(saved.at).toJSON();
    saved.area.set(saved.at, settled(output, html, note));
}
