// The way to one kernel: its comm, what is known of it, and what it is asked.

import type { Kernel, KernelMessage } from "@jupyterlab/services";
import type { JSONObject } from "@lumino/coreutils";
import type { IDisposable } from "@lumino/disposable";
import { type ISignal, Signal } from "@lumino/signaling";
import {
  type ActVerb,
  type By,
  type Message,
  type Of,
  type Order,
  type Place,
  read,
  type Said,
  type Static,
  type Verb,
  type Wish,
} from "./messages.js";
import { Overheard, type Wire } from "./overheard.js";
import { begin, lost, reduce, type State } from "./state.js";

// The comm's name is its number too; see `jupyter/panel/comm.py`.
export const TARGET = "netflux_nb";
// A kernel that has not said by then which comms it has is busy, or far away.
const SLOW_MS = 3_000;
const AGAIN_MS = 1_000;
const ANSWER_MS = 30_000;
// Runs of one order, as `jupyter/panel/orders.py` takes them.
const MOST_NAMED = 500;

type Tell = (message: unknown) => void;

interface Waiting<T> {
  resolve(value: T): void;
  readonly timer: ReturnType<typeof setTimeout>;
}

export class Link implements IDisposable {
  state: State = begin();
  readonly #changed = new Signal<this, void>(this);
  readonly #ended = new Signal<this, string>(this);
  readonly #died = new Signal<this, void>(this);
  #kernel: Kernel.IKernelConnection | null = null;
  /** Where the connection handles no comms. */
  #overheard: Overheard | null = null;
  #wasLost = false;
  #comm: Wire | null = null;
  /** Whether the kernel opened it: an older answer that there is none may come after that. */
  #isOpened = false;
  #slow: ReturnType<typeof setTimeout> | null = null;
  #again: ReturnType<typeof setTimeout> | null = null;
  #mustLook = false;
  #asked = 0;
  /** The question about runs that is waited for, and as whom this page asks. */
  #finding = 0;
  readonly #page = Math.random().toString(36).slice(2) || "page";
  readonly #htmls = new Map<number, Waiting<string | null>>();
  readonly #said = new Map<number, Waiting<Said>>();
  readonly #statics = new Map<string, Waiting<Static>[]>();
  /** Who waits for the answer to what was asked, and who came too late for it. */
  #usages: Waiting<string | null>[] = [];
  #lateUsages: Waiting<string | null>[] = [];
  readonly #views = new Map<string, Set<Tell>>();
  isDisposed = false;

  constructor(
    readonly id: string,
    private readonly place: () => Place,
  ) {}

  /** Something that is shown is otherwise than before. */
  get changed(): ISignal<this, void> {
    return this.#changed;
  }

  /** A run ended; by its name. */
  get ended(): ISignal<this, string> {
    return this.#ended;
  }

  /** The kernel died, or was restarted: what ran in it is cut off. */
  get died(): ISignal<this, void> {
    return this.#died;
  }

  get isConnected(): boolean {
    return this.#kernel !== null && !this.#kernel.isDisposed;
  }

  attach(kernel: Kernel.IKernelConnection): void {
    if (kernel === this.#kernel) return;
    this.#detach();
    this.#kernel = kernel;
    if (kernel.handleComms) kernel.registerCommTarget(TARGET, this.#onOpen);
    else this.#overheard = new Overheard(kernel, TARGET, this.#onOpen);
    kernel.connectionStatusChanged.connect(this.#onConnection, this);
    kernel.statusChanged.connect(this.#onStatus, this);
    kernel.disposed.connect(this.#onDisposed, this);
    this.#look();
  }

  #detach(): void {
    const kernel = this.#kernel;
    this.#kernel = null;
    this.#forget();
    this.#overheard?.dispose();
    this.#overheard = null;
    if (kernel === null || kernel.isDisposed) return;
    kernel.connectionStatusChanged.disconnect(this.#onConnection, this);
    kernel.statusChanged.disconnect(this.#onStatus, this);
    kernel.disposed.disconnect(this.#onDisposed, this);
    if (kernel.handleComms) kernel.removeCommTarget(TARGET, this.#onOpen);
  }

  /** Ask the kernel which comms it has, and find ours. */
  #look(): void {
    const kernel = this.#kernel;
    if (kernel === null) return;
    this.#mustLook = false;
    this.#set(begin("looking"));
    this.#slow = setTimeout(() => {
      this.#slow = null;
      if (this.state.way !== "looking") return;
      this.#set({ ...this.state, way: "slow" });
      // It tells everybody what it tells: whoever knows the name can listen meanwhile.
      this.#bind(kernel, TARGET);
    }, SLOW_MS);
    kernel
      .requestCommInfo({ target_name: TARGET })
      .then((reply) => {
        if (kernel !== this.#kernel || kernel.isDisposed) return;
        this.#quick();
        const names = reply.content.status === "ok" ? Object.keys(reply.content.comms) : [];
        const name = names[0];
        if (name !== undefined) {
          this.#bind(kernel, name);
          this.#hello();
        } else if (this.state.way !== "here" && !this.#isOpened) {
          this.#forget();
          this.#set(begin("absent"));
        }
      })
      .catch(() => {
        // Restarted or closed meanwhile: its status says so too.
      });
  }

  #quick(): void {
    if (this.#slow !== null) clearTimeout(this.#slow);
    this.#slow = null;
  }

  readonly #onOpen = (comm: Wire): void => {
    this.#quick();
    this.#isOpened = true;
    this.#listen(comm);
    this.#hello();
  };

  #bind(kernel: Kernel.IKernelConnection, name: string): void {
    if (this.#comm !== null && !this.#comm.isDisposed && this.#comm.commId === name) return;
    if (this.#overheard !== null) this.#listen(this.#overheard);
    else if (!kernel.hasComm(name)) this.#listen(kernel.createComm(TARGET, name));
  }

  #listen(comm: Wire): void {
    this.#comm = comm;
    comm.onMsg = (message: KernelMessage.ICommMsgMsg) => {
      if (comm === this.#comm) this.take(message.content.data);
    };
    comm.onClose = () => {
      if (comm !== this.#comm) return;
      this.#forget();
      this.#set(lost(this.state, "absent"));
    };
  }

  /** Take in what the kernel said. */
  take(data: unknown): void {
    const message = read(data);
    if (message === null) return;
    const before = this.state;
    this.state = reduce(before, message, this.#finding);
    if (this.state.isBehind) this.#helloAgain();
    this.#hand(message);
    if (message.t === "update") {
      for (const row of message.runs) {
        const was = before.runs.get(row.id);
        if (row.mine && row.seconds !== null && was?.seconds === null) this.#ended.emit(row.id);
      }
    }
    if (message.t === "said" || "runs" in message) this.#changed.emit();
  }

  #hand(message: Message): void {
    switch (message.t) {
      case "view":
        for (const tell of this.#views.get(message.run) ?? []) tell(message.message);
        break;
      case "static": {
        const waiting = this.#statics.get(message.run) ?? [];
        this.#statics.delete(message.run);
        for (const one of waiting) settle(one, message);
        break;
      }
      case "html": {
        const waiting = this.#htmls.get(message.id);
        this.#htmls.delete(message.id);
        if (waiting !== undefined) settle(waiting, message.html);
        break;
      }
      case "usage":
        this.#toldUsage(message.html);
        break;
      case "said": {
        const waiting = this.#said.get(message.id);
        this.#said.delete(message.id);
        if (waiting !== undefined) settle(waiting, message);
        break;
      }
      default:
        break;
    }
  }

  #hello(): void {
    const comm = this.#comm;
    if (comm === null) return;
    const go = (): void => {
      if (comm !== this.#comm || comm.isDisposed) return;
      this.send({ t: "where", ...this.place() });
      this.send({ t: "hello" });
      for (const run of this.#views.keys()) this.send({ t: "open", run });
    };
    // On the shell of a busy kernel it would wait for the cell: on a subshell it does not.
    const subshell = (comm as { subshellStarted?: Promise<void> }).subshellStarted;
    if (subshell !== undefined && this.#kernel?.supportsSubshells === true) {
      void Promise.race([subshell, after(AGAIN_MS)]).then(go, go);
    } else go();
  }

  #helloAgain(): void {
    this.#again ??= setTimeout(() => {
      this.#again = null;
      if (this.state.isBehind) this.#hello();
    }, AGAIN_MS);
  }

  refresh(): void {
    if (this.#comm === null) this.#look();
    else this.#hello();
  }

  send(order: Order): boolean {
    const comm = this.#comm;
    if (comm === null || comm.isDisposed || this.#kernel?.isDisposed !== false) return false;
    comm.send(order as unknown as JSONObject);
    return true;
  }

  /** Ask for runs from a place on; as `again` those of the last question that are not there yet. */
  find(wish: Wish, start: number, again: boolean): number {
    if (!again || this.#finding === 0) this.#finding = this.#number();
    this.send({ t: "find", id: this.#finding, page: this.#page, start, wish });
    return this.#finding;
  }

  #number(): number {
    return ++this.#asked + Math.floor(Math.random() * 1e9) * 1000;
  }

  /** Do something to runs of the record, some at a time, and say what came of it. */
  async act(verb: ActVerb, runs: readonly string[], value = ""): Promise<Said> {
    let last: Said = { t: "said", n: 0, id: 0, ok: true, text: "" };
    for (let at = 0; at < runs.length; at += MOST_NAMED) {
      const some = runs.slice(at, at + MOST_NAMED);
      const said = await this.#order((id) => ({ t: "act", id, verb, runs: some, value }));
      last = { ...said, ok: last.ok && said.ok, text: [last.text, said.text].join(" ").trim() };
    }
    return last;
  }

  #order(order: (id: number) => Order): Promise<Said> {
    const id = this.#number();
    const nothing: Said = { t: "said", n: 0, id, ok: false, text: "" };
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#said.delete(id);
        resolve(nothing);
      }, ANSWER_MS);
      this.#said.set(id, { resolve, timer });
      if (this.send(order(id))) return;
      this.#said.delete(id);
      clearTimeout(timer);
      resolve(nothing);
    });
  }

  /** Give a chart over runs, or a run's ledger, as static HTML; nothing where no answer comes. */
  html(
    what: { t: "chart"; by: By; of: Of; whole: boolean } | { t: "ledger"; run: string },
  ): Promise<string | null> {
    const id = this.#number();
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#htmls.delete(id);
        resolve(null);
      }, ANSWER_MS);
      this.#htmls.set(id, { resolve, timer });
      if (this.send({ ...what, id })) return;
      this.#htmls.delete(id);
      clearTimeout(timer);
      resolve(null);
    });
  }

  moved(): void {
    this.send({ t: "where", ...this.place() });
  }

  /** Do something to a run, and say what came of it. */
  command(
    verb: Verb,
    run: string,
    node?: number,
    value?: string,
    question?: string,
  ): Promise<Said> {
    return this.#order((id) => ({
      t: "do",
      id,
      verb,
      run,
      ...(node === undefined ? {} : { node }),
      ...(value === undefined ? {} : { value }),
      ...(question === undefined ? {} : { question }),
    }));
  }

  /** Give a run's static HTML; nothing where the kernel does not say. */
  static(run: string): Promise<Static | null> {
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

  /** Give what the notebook used today, as static HTML; nothing where the kernel does not say. */
  usage(): Promise<string | null> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#toldUsage(null);
      }, ANSWER_MS);
      this.#lateUsages.push({ resolve, timer });
      this.#askUsage();
    });
  }

  /** One question at a time: an answer that is on its way may be older than what is asked now. */
  #askUsage(): void {
    if (this.#usages.length > 0 || this.#lateUsages.length === 0) return;
    this.#usages = this.#lateUsages.splice(0);
    if (!this.send({ t: "usage" })) for (const one of this.#usages.splice(0)) settle(one, null);
  }

  #toldUsage(html: string | null): void {
    for (const one of this.#usages.splice(0)) settle(one, html);
    this.#askUsage();
  }

  /** Watch one run: what its feed says goes to `tell`, until what is given back is called. */
  watch(run: string, tell: Tell): () => void {
    const known = this.#views.get(run);
    if (known !== undefined) known.add(tell);
    else {
      this.#views.set(run, new Set([tell]));
      this.send({ t: "open", run });
    }
    return () => {
      const all = this.#views.get(run);
      all?.delete(tell);
      if (all?.size !== 0) return;
      this.#views.delete(run);
      this.send({ t: "close", run });
    };
  }

  #onStatus(_: unknown, status: Kernel.Status): void {
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
        if (this.#mustLook) this.#look();
        break;
      default:
        break;
    }
  }

  /** What was told while the connection was lost is lost. */
  #onConnection(_: unknown, status: Kernel.ConnectionStatus): void {
    if (status === "connected" && this.#wasLost) this.refresh();
    this.#wasLost = status !== "connected";
  }

  #end(way: "dead" | "looking"): void {
    const ran = this.state.way === "here";
    this.#forget();
    this.#set(lost(this.state, way));
    if (ran || way === "dead") this.#died.emit();
  }

  #onDisposed(): void {
    this.#kernel = null;
    this.#forget();
    this.#set(lost(this.state, "none"));
  }

  #forget(): void {
    this.#quick();
    if (this.#again !== null) clearTimeout(this.#again);
    this.#again = null;
    this.#comm = null;
    this.#finding = 0;
    this.#isOpened = false;
    for (const waiting of [...this.#statics.values()].flat()) clearTimeout(waiting.timer);
    for (const waiting of [...this.#statics.values()].flat()) waiting.resolve(null as never);
    this.#statics.clear();
    for (const one of this.#htmls.values()) settle(one, null);
    this.#htmls.clear();
    for (const one of this.#usages.splice(0)) settle(one, null);
    for (const one of this.#lateUsages.splice(0)) settle(one, null);
  }

  #set(state: State): void {
    this.state = state;
    this.#changed.emit();
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    this.#detach();
    Signal.clearData(this);
  }
}

function settle<T>(waiting: Waiting<T>, value: T): void {
  clearTimeout(waiting.timer);
  waiting.resolve(value);
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
