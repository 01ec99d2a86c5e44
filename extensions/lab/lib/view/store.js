// One run's state and whoever looks at it, behind whatever carries the messages.
import { begin, key, reduce } from "./state.js";
// A snapshot that was asked for and did not come is asked for again.
const AGAIN_MS = 2_000;
const NOTE_MS = 10_000;
// So many pages of one pane come by themselves; then a person asks for more.
const PAGES_AHEAD = 4;
const PAGE = Symbol.for("netflux_nb.page");
/** What this page is called: the kernel tells a page that was loaded again by it. */
function page() {
    const shelf = globalThis;
    shelf[PAGE] ??= Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    return shelf[PAGE];
}
export class Store {
    state = begin();
    /** Commands on their way, by their mark. */
    pending = new Map();
    /** What the kernel last said to a command of this page. */
    note = null;
    #link;
    #off;
    #watchers = new Set();
    #pages = new Map();
    #asked = 0;
    #timer = null;
    #noteTimer = null;
    constructor(link) {
        this.#link = link;
        this.#off = link.listen((message) => {
            reduce(this.state, message, performance.now());
            if (message.t === "told")
                this.#told(message.ask, message.ok, message.text);
            if (message.t === "detail")
                this.#goOn(message.id, message.pane);
            if (this.state.isBehind && this.state.half === null)
                this.hello();
            this.#tell();
        });
        this.hello();
    }
    /** Ask for all of it, now and until it comes. */
    hello() {
        if (this.#timer !== null)
            return;
        this.#link.send({ t: "hello", page: page() });
        this.#timer = setTimeout(() => {
            this.#timer = null;
            if (this.state.isBehind)
                this.hello();
        }, AGAIN_MS);
    }
    watch(call) {
        this.#watchers.add(call);
        return () => this.#watchers.delete(call);
    }
    /** Ask for a pane of a Node: from its beginning, or what follows. */
    look(id, pane, more = false) {
        const name = key(id, pane);
        const next = more ? this.state.details.get(name)?.next : null;
        this.#pages.set(name, more ? PAGES_AHEAD : 0);
        this.#link.send({ t: "detail", id, pane, at: next ? [next[0], next[1]] : [0, 0] });
    }
    #goOn(id, pane) {
        const name = key(id, pane);
        const seen = (this.#pages.get(name) ?? 0) + 1;
        this.#pages.set(name, seen);
        const next = this.state.details.get(name)?.next;
        if (next && seen < PAGES_AHEAD) {
            this.#link.send({ t: "detail", id, pane, at: [next[0], next[1]] });
        }
    }
    command(asked) {
        this.#asked++;
        const ask = `${page()}-${this.#asked}`;
        this.pending.set(ask, asked);
        this.#link.send({ ...asked, ask });
        this.#say({ ok: true, text: "Sent. The kernel has not answered yet." });
        this.#tell();
    }
    isPending(id) {
        for (const asked of this.pending.values())
            if (asked.id === id)
                return true;
        return false;
    }
    #told(ask, ok, text) {
        if (!this.pending.delete(ask))
            return; // another page asked
        this.#say({ ok, text });
    }
    #say(note) {
        this.note = note;
        if (this.#noteTimer !== null)
            clearTimeout(this.#noteTimer);
        this.#noteTimer = setTimeout(() => {
            this.note = null;
            this.#tell();
        }, NOTE_MS);
    }
    #tell() {
        for (const call of this.#watchers)
            call();
    }
    close() {
        this.#off();
        this.#watchers.clear();
        if (this.#timer !== null)
            clearTimeout(this.#timer);
        if (this.#noteTimer !== null)
            clearTimeout(this.#noteTimer);
    }
}
