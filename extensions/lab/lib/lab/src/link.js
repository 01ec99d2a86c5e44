// The way to one kernel: its comm, what is known of it, and what it is asked.
import { Signal } from "@lumino/signaling";
import { read } from "./messages.js";
import { begin, lost, reduce } from "./state.js";
// The comm's name is its number too; see `notebook/beacon.py`.
export const TARGET = "netflux_nb";
// A kernel that has not said by then which comms it has is busy, or far away.
const SLOW_MS = 3_000;
const AGAIN_MS = 1_000;
const ANSWER_MS = 30_000;
export class Link {
    id;
    path;
    state = begin();
    #changed = new Signal(this);
    #ended = new Signal(this);
    #died = new Signal(this);
    #kernel = null;
    #comm = null;
    #slow = null;
    #again = null;
    #mustLook = false;
    #asked = 0;
    #said = new Map();
    #statics = new Map();
    #views = new Map();
    isDisposed = false;
    constructor(id, path) {
        this.id = id;
        this.path = path;
    }
    /** Something that is shown is otherwise than before. */
    get changed() {
        return this.#changed;
    }
    /** A run ended; by its name. */
    get ended() {
        return this.#ended;
    }
    /** The kernel died, or was restarted: what ran in it is cut off. */
    get died() {
        return this.#died;
    }
    get isConnected() {
        return this.#kernel !== null && !this.#kernel.isDisposed;
    }
    attach(kernel) {
        if (kernel === this.#kernel)
            return;
        this.#detach();
        this.#kernel = kernel;
        kernel.registerCommTarget(TARGET, this.#onOpen);
        kernel.statusChanged.connect(this.#onStatus, this);
        kernel.disposed.connect(this.#onDisposed, this);
        this.#look();
    }
    #detach() {
        const kernel = this.#kernel;
        this.#kernel = null;
        this.#forget();
        if (kernel === null || kernel.isDisposed)
            return;
        kernel.statusChanged.disconnect(this.#onStatus, this);
        kernel.disposed.disconnect(this.#onDisposed, this);
        kernel.removeCommTarget(TARGET, this.#onOpen);
    }
    /** Ask the kernel which comms it has, and find ours. */
    #look() {
        const kernel = this.#kernel;
        if (kernel === null)
            return;
        this.#mustLook = false;
        this.#set(begin("looking"));
        this.#slow = setTimeout(() => {
            this.#slow = null;
            if (this.state.way !== "looking")
                return;
            this.#set({ ...this.state, way: "slow" });
            // It tells everybody what it tells: whoever knows the name can listen meanwhile.
            this.#bind(kernel, TARGET);
        }, SLOW_MS);
        kernel
            .requestCommInfo({ target_name: TARGET })
            .then((reply) => {
            if (kernel !== this.#kernel || kernel.isDisposed)
                return;
            this.#quick();
            const names = reply.content.status === "ok" ? Object.keys(reply.content.comms) : [];
            const name = names[0];
            if (name !== undefined) {
                this.#bind(kernel, name);
                this.#hello();
            }
            else if (this.state.way !== "here") {
                this.#forget();
                this.#set(begin("absent"));
            }
        })
            .catch(() => {
            // Restarted or closed meanwhile: its status says so too.
        });
    }
    #quick() {
        if (this.#slow !== null)
            clearTimeout(this.#slow);
        this.#slow = null;
    }
    #onOpen = (comm) => {
        this.#quick();
        this.#listen(comm);
        this.#hello();
    };
    #bind(kernel, name) {
        if (this.#comm !== null && !this.#comm.isDisposed && this.#comm.commId === name)
            return;
        if (!kernel.handleComms || kernel.hasComm(name))
            return;
        this.#listen(kernel.createComm(TARGET, name));
    }
    #listen(comm) {
        this.#comm = comm;
        comm.onMsg = (message) => {
            if (comm === this.#comm)
                this.take(message.content.data);
        };
        comm.onClose = () => {
            if (comm !== this.#comm)
                return;
            this.#forget();
            this.#set(lost(this.state, "absent"));
        };
    }
    /** Take in what the kernel said. */
    take(data) {
        const message = read(data);
        if (message === null)
            return;
        const before = this.state;
        this.state = reduce(before, message);
        if (this.state.isBehind)
            this.#helloAgain();
        this.#hand(message);
        if (message.t === "update") {
            for (const row of message.runs) {
                const was = before.runs.get(row.id);
                if (row.mine && row.seconds !== null && was?.seconds === null)
                    this.#ended.emit(row.id);
            }
        }
        if (message.t !== "view" && message.t !== "static")
            this.#changed.emit();
    }
    #hand(message) {
        switch (message.t) {
            case "view":
                for (const tell of this.#views.get(message.run) ?? [])
                    tell(message.message);
                break;
            case "static": {
                const waiting = this.#statics.get(message.run) ?? [];
                this.#statics.delete(message.run);
                for (const one of waiting)
                    settle(one, message);
                break;
            }
            case "said": {
                const waiting = this.#said.get(message.id);
                this.#said.delete(message.id);
                if (waiting !== undefined)
                    settle(waiting, message);
                break;
            }
            default:
                break;
        }
    }
    #hello() {
        const comm = this.#comm;
        if (comm === null)
            return;
        const go = () => {
            if (comm !== this.#comm || comm.isDisposed)
                return;
            this.send({ t: "where", path: this.path() });
            this.send({ t: "hello" });
            for (const run of this.#views.keys())
                this.send({ t: "open", run });
        };
        // On the shell of a busy kernel it would wait for the cell: on a subshell it does not.
        const subshell = comm.subshellStarted;
        if (subshell !== undefined && this.#kernel?.supportsSubshells === true) {
            void Promise.race([subshell, after(AGAIN_MS)]).then(go, go);
        }
        else
            go();
    }
    #helloAgain() {
        this.#again ??= setTimeout(() => {
            this.#again = null;
            if (this.state.isBehind)
                this.#hello();
        }, AGAIN_MS);
    }
    refresh() {
        if (this.#comm === null)
            this.#look();
        else
            this.#hello();
    }
    send(order) {
        const comm = this.#comm;
        if (comm === null || comm.isDisposed || this.#kernel?.isDisposed !== false)
            return false;
        comm.send(order);
        return true;
    }
    /** Ask for rows that were not told yet, where there are any. */
    more() {
        const { runs, total, way } = this.state;
        if (way === "here" && runs.size < total)
            this.send({ t: "more", start: runs.size });
    }
    moved() {
        this.send({ t: "where", path: this.path() });
    }
    /** Do something to a run, and say what came of it. */
    command(verb, run, node, value) {
        const id = ++this.#asked + Math.floor(Math.random() * 1e9) * 1000;
        const nothing = { t: "said", n: 0, id, ok: false, text: "" };
        return new Promise((resolve) => {
            const timer = setTimeout(() => {
                this.#said.delete(id);
                resolve(nothing);
            }, ANSWER_MS);
            this.#said.set(id, { resolve, timer });
            const order = { t: "do", id, verb, run };
            if (node !== undefined)
                order.node = node;
            if (value !== undefined)
                order.value = value;
            if (!this.send(order)) {
                this.#said.delete(id);
                clearTimeout(timer);
                resolve(nothing);
            }
        });
    }
    /** Give a run's static HTML; nothing where the kernel does not say. */
    static(run) {
        return new Promise((resolve) => {
            const timer = setTimeout(() => {
                resolve(null);
            }, ANSWER_MS);
            const waiting = this.#statics.get(run) ?? [];
            waiting.push({ resolve, timer });
            this.#statics.set(run, waiting);
            if (!this.send({ t: "static", run })) {
                this.#statics.delete(run);
                clearTimeout(timer);
                resolve(null);
            }
        });
    }
    /** Watch one run: what its feed says goes to `tell`, until what is given back is called. */
    watch(run, tell) {
        const known = this.#views.get(run);
        if (known !== undefined)
            known.add(tell);
        else {
            this.#views.set(run, new Set([tell]));
            this.send({ t: "open", run });
        }
        return () => {
            const all = this.#views.get(run);
            all?.delete(tell);
            if (all?.size !== 0)
                return;
            this.#views.delete(run);
            this.send({ t: "close", run });
        };
    }
    #onStatus(_, status) {
        switch (status) {
            case "restarting":
            case "autorestarting":
                this.#end("looking");
                this.#mustLook = true;
                break;
            case "dead":
            case "terminating":
                this.#end("dead");
                break;
            case "idle":
            case "busy":
                if (this.#mustLook)
                    this.#look();
                break;
            default:
                break;
        }
    }
    #end(way) {
        const ran = this.state.way === "here";
        this.#forget();
        this.#set(lost(this.state, way));
        if (ran || way === "dead")
            this.#died.emit();
    }
    #onDisposed() {
        this.#kernel = null;
        this.#forget();
        this.#set(lost(this.state, "none"));
    }
    #forget() {
        this.#quick();
        if (this.#again !== null)
            clearTimeout(this.#again);
        this.#again = null;
        this.#comm = null;
        for (const waiting of [...this.#statics.values()].flat())
            clearTimeout(waiting.timer);
        for (const waiting of [...this.#statics.values()].flat())
            waiting.resolve(null);
        this.#statics.clear();
    }
    #set(state) {
        this.state = state;
        this.#changed.emit();
    }
    dispose() {
        if (this.isDisposed)
            return;
        this.isDisposed = true;
        this.#detach();
        Signal.clearData(this);
    }
}
function settle(waiting, value) {
    clearTimeout(waiting.timer);
    waiting.resolve(value);
}
function after(ms) {
    return new Promise((resolve) => setTimeout(resolve, ms));
}
