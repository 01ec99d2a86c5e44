// What the kernel tells the panel, and what it is told. Nothing that comes is trusted to be whole.

export type RunStateWord = "Waiting" | "Running" | "Success" | "Error" | "Canceled" | "CutOff";

/** One run; what is nothing is left out on the wire. */
export interface Row {
  readonly id: string;
  readonly fn: string;
  readonly kind: "agent" | "code";
  readonly state: RunStateWord;
  readonly opened: number;
  /** Nothing while it goes on. */
  readonly seconds: number | null;
  readonly nodes: number;
  readonly done: number;
  readonly running: number;
  readonly waits: number;
  readonly tokens: number;
  readonly usd: number;
  readonly unpriced: number;
  readonly served: number;
  readonly how: string;
  readonly notebook: string;
  readonly cell: string;
  readonly error: string;
  readonly version: string;
  /** Arguments: those that tell it from other runs of its Function. */
  readonly args: string;
  /** Nodes that failed. */
  readonly failed: number;
  /** The run that it came from, and what that is called. */
  readonly of: string;
  readonly ofTitle: string;
  readonly title: string;
  readonly note: string;
  readonly tags: readonly string[];
  readonly pinned: boolean;
  /** Of this kernel: it can be stopped and answered from here. */
  readonly mine: boolean;
}

export interface Pending {
  readonly run: string;
  readonly node: number;
  readonly fn: string;
  readonly kind: "approval" | "answer";
  readonly what: string;
  readonly inputs: string;
  readonly since: number;
  readonly choices: readonly string[];
  /** Its id: an answer is to this question. */
  readonly question: string;
  /** Where in its run it is asked, and by which agent. */
  readonly path: string;
  readonly asker: string;
  readonly before: Before | null;
}

/** What was answered before for this Function: how often today, and the last time. */
export interface Before {
  readonly approved: number;
  readonly rejected: number;
  readonly answered: number;
  readonly last: number;
  readonly by: string;
  readonly how: string;
  readonly mine: boolean;
}

export interface Status {
  readonly running: number;
  readonly waiting: number;
  readonly tokens: number;
  readonly usd: number;
  readonly unpriced: number;
  readonly left: number | null;
}

export interface Mark {
  readonly fn: string;
  readonly kind: "agent" | "code";
  readonly version: string;
  /** What could not be hashed: nobody knows whether that is as it was. */
  readonly unhashed: readonly string[];
  /** Nothing where it was never run. */
  readonly changed: boolean | null;
  readonly cost: number | null;
  readonly calls: number;
}

/** What a filter offers: the Functions and tags that there are. */
export interface Offered {
  readonly fns: readonly string[];
  readonly tags: readonly string[];
}

export interface Listing {
  readonly t: "state" | "update";
  readonly n: number;
  readonly start: number;
  readonly total: number;
  readonly runs: readonly Row[];
  readonly gone: readonly string[];
  readonly wire?: number;
  readonly status?: Status;
  readonly pending?: readonly Pending[];
  readonly cells?: ReadonlyMap<string, Mark>;
  readonly read?: boolean;
  readonly offered?: Offered;
}

/** Some of the runs that were asked for, from a place on. */
export interface Found {
  readonly t: "found";
  readonly n: number;
  readonly id: number;
  readonly start: number;
  readonly total: number;
  readonly runs: readonly Row[];
}

/** A chart or a ledger that was asked for. */
export interface Html {
  readonly t: "html";
  readonly n: number;
  readonly id: number;
  readonly html: string;
}

export interface Static {
  readonly t: "static";
  readonly n: number;
  readonly run: string;
  readonly state: string;
  readonly html: string;
}

export interface Usage {
  readonly t: "usage";
  readonly n: number;
  readonly html: string;
}

export interface View {
  readonly t: "view";
  readonly n: number;
  readonly run: string;
  readonly message: unknown;
}

export interface Said {
  readonly t: "said";
  readonly n: number;
  readonly id: number;
  readonly ok: boolean;
  readonly text: string;
}

export type Message = Listing | Found | Html | Static | Usage | View | Said;

export type Verb = "cancel" | "approve" | "reject" | "answer" | "whole";

export type ActVerb =
  "pin" | "unpin" | "delete" | "tag" | "untag" | "tags" | "note" | "rename" | "export";

/** As the columns of the list, one of which it is sorted by. */
export const SORTS = [
  "what",
  "state",
  "when",
  "notebook",
  "time",
  "tokens",
  "money",
  "marks",
] as const;
export type Sort = (typeof SORTS)[number];

/** Which runs are wanted, and in which order. */
export interface Wish {
  readonly text: string;
  readonly fn: string;
  /** A state, or "live", "failed", "asks". */
  readonly state: string;
  readonly tag: string;
  readonly notebook: string;
  /** Seconds since 1970: it began then or later, and before. */
  readonly since: number | null;
  readonly until: number | null;
  readonly sort: Sort;
  readonly down: boolean;
}

export const BYS = ["day", "fn", "model"] as const;
export const OFS = ["cost", "tokens", "latency", "errors"] as const;
export type By = (typeof BYS)[number];
export type Of = (typeof OFS)[number];

/** The notebook that is looked at, and each notebook of the kernel by its connection. */
export interface Place {
  readonly path: string;
  readonly of: Readonly<Record<string, string>>;
}

export type Order =
  | { t: "hello" | "usage" }
  | { t: "find"; id: number; page: string; start: number; wish: Wish }
  | { t: "chart"; id: number; by: By; of: Of; whole: boolean }
  | { t: "ledger"; id: number; run: string }
  | { t: "act"; id: number; verb: ActVerb; runs: readonly string[]; value: string }
  | ({ t: "where" } & Place)
  | { t: "open" | "close"; run: string }
  | { t: "view"; run: string; message: unknown }
  | { t: "static"; run: string }
  | {
      t: "do";
      id: number;
      verb: Verb;
      run: string;
      node?: number;
      value?: string;
      question?: string;
    };

type Fields = Record<string, unknown>;

const STATES = new Set<string>(["Waiting", "Running", "Success", "Error", "Canceled", "CutOff"]);

function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function count(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

function maybe(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

function row(value: unknown): Row {
  const given = fields(value);
  const state = text(given["state"]);
  return {
    id: text(given["id"]),
    fn: text(given["fn"]),
    kind: given["kind"] === "agent" ? "agent" : "code",
    state: (STATES.has(state) ? state : "CutOff") as RunStateWord,
    opened: count(given["opened"]),
    // An end in no time is left out on the wire like any nothing.
    seconds: maybe(given["seconds"]) ?? (isOver(state) && state !== "CutOff" ? 0 : null),
    nodes: count(given["nodes"]),
    done: count(given["done"]),
    running: count(given["running"]),
    waits: count(given["waits"]),
    tokens: count(given["tokens"]),
    usd: count(given["usd"]),
    unpriced: count(given["unpriced"]),
    served: count(given["served"]),
    how: text(given["how"]),
    notebook: text(given["notebook"]),
    cell: text(given["cell"]),
    error: text(given["error"]),
    version: text(given["version"]),
    args: text(given["args"]),
    failed: count(given["failed"]),
    of: text(given["of"]),
    ofTitle: text(given["of_title"]),
    title: text(given["title"]),
    note: text(given["note"]),
    tags: list(given["tags"])
      .map(text)
      .filter((tag) => tag !== ""),
    pinned: given["pinned"] === true,
    mine: given["mine"] === true,
  };
}

/** Whether nothing more will come of a run in this state. */
export function isOver(state: string): boolean {
  return state === "Success" || state === "Error" || state === "Canceled" || state === "CutOff";
}

function pending(value: unknown): Pending {
  const given = fields(value);
  return {
    run: text(given["run"]),
    node: count(given["node"]),
    fn: text(given["fn"]),
    kind: given["kind"] === "answer" ? "answer" : "approval",
    what: text(given["what"]),
    inputs: text(given["inputs"]),
    since: count(given["since"]),
    choices: list(given["choices"]).map(text),
    question: text(given["question"]),
    path: text(given["path"]),
    asker: text(given["asker"]),
    before: before(given["before"]),
  };
}

function before(value: unknown): Before | null {
  const given = fields(value);
  if (count(given["last"]) === 0) return null;
  return {
    approved: count(given["approved"]),
    rejected: count(given["rejected"]),
    answered: count(given["answered"]),
    last: count(given["last"]),
    by: text(given["by"]),
    how: text(given["how"]),
    mine: given["mine"] === true,
  };
}

function status(value: unknown): Status {
  const given = fields(value);
  return {
    running: count(given["running"]),
    waiting: count(given["waiting"]),
    tokens: count(given["tokens"]),
    usd: count(given["usd"]),
    unpriced: count(given["unpriced"]),
    left: maybe(given["left"]),
  };
}

function mark(value: unknown): Mark {
  const given = fields(value);
  return {
    fn: text(given["fn"]),
    kind: given["kind"] === "agent" ? "agent" : "code",
    version: text(given["version"]),
    unhashed: list(given["unhashed"]).map(text),
    changed: typeof given["changed"] === "boolean" ? given["changed"] : null,
    cost: maybe(given["cost"]),
    calls: count(given["calls"]),
  };
}

/** Read what came; nothing where it is no message of this wire. */
export function read(value: unknown): Message | null {
  const given = fields(value);
  const n = count(given["n"]);
  switch (given["t"]) {
    case "state":
    case "update":
      return listing(given["t"], n, given);
    case "found":
      return {
        t: "found",
        n,
        id: count(given["id"]),
        start: count(given["start"]),
        total: count(given["total"]),
        runs: rows(given["runs"]),
      };
    case "html":
      return { t: "html", n, id: count(given["id"]), html: text(given["html"]) };
    case "static":
      return {
        t: "static",
        n,
        run: text(given["run"]),
        state: text(given["state"]),
        html: text(given["html"]),
      };
    case "usage":
      return { t: "usage", n, html: text(given["html"]) };
    case "view":
      return { t: "view", n, run: text(given["run"]), message: given["message"] };
    case "said":
      return {
        t: "said",
        n,
        id: count(given["id"]),
        ok: given["ok"] === true,
        text: text(given["text"]),
      };
    default:
      return null;
  }
}

function rows(value: unknown): readonly Row[] {
  return list(value)
    .map(row)
    .filter((one) => one.id !== "");
}

function offered(value: unknown): Offered {
  const given = fields(value);
  return { fns: list(given["fns"]).map(text), tags: list(given["tags"]).map(text) };
}

function listing(t: Listing["t"], n: number, given: Fields): Listing {
  return {
    t,
    n,
    start: count(given["start"]),
    total: count(given["total"]),
    runs: rows(given["runs"]),
    gone: list(given["gone"]).map(text),
    ...("wire" in given ? { wire: count(given["wire"]) } : {}),
    ...("status" in given ? { status: status(given["status"]) } : {}),
    ...("pending" in given ? { pending: list(given["pending"]).map(pending) } : {}),
    ...("offered" in given ? { offered: offered(given["offered"]) } : {}),
    ...("read" in given ? { read: given["read"] === true } : {}),
    ...("cells" in given
      ? {
          cells: new Map(
            Object.entries(fields(given["cells"])).map(([cell, one]) => [cell, mark(one)]),
          ),
        }
      : {}),
  };
}
