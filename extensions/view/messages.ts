// What the kernel says and is told. README.md beside this file describes each message.

/** Waiting, Running, Success, Error, Canceled, and cut off. */
export type StateCode = 0 | 1 | 2 | 3 | 4 | 5;

export type Pane = "inputs" | "result" | "error" | "transcript" | "policy" | "state" | "asked";

/** id, then what changes of a Node; what is empty at the end is left out. */
export type WireBody = readonly (number | string | null)[];

/** part, offset, kind, title, text, end */
export type WirePart = readonly [number, number, string, string, string, number];

/** node, kind, question, choices, the question's id */
export type WireAsk = readonly [number, string, string, readonly string[], string];

export interface RunFacts {
  readonly name: string;
  readonly fn: string;
  /** Which run it is a fork, a rerun or the like of; nothing where it stands alone. */
  readonly from?: string;
  readonly state: StateCode;
  readonly since: number;
  readonly left_out: number;
  readonly asks: number;
}

export interface Snap {
  readonly t: "snap";
  readonly seq: number;
  readonly part: number;
  readonly parts: number;
  readonly now?: number;
  /** How fast the kernel's clock goes on: 1 where it is not said, 0 where a run is paused. */
  readonly pace?: number;
  readonly names?: readonly string[];
  readonly rows?: readonly WireBody[];
  readonly run?: RunFacts;
  readonly asks?: readonly WireAsk[];
}

export interface Delta {
  readonly t: "delta";
  readonly seq: number;
  readonly now?: number;
  /** How fast the kernel's clock goes on: 1 where it is not said, 0 where a run is paused. */
  readonly pace?: number;
  readonly names?: readonly string[];
  readonly add?: readonly WireBody[];
  readonly upd?: readonly WireBody[];
  readonly cut?: readonly (readonly [number, number])[];
  readonly tail?: readonly (readonly [number, ...WirePart])[];
  readonly run?: RunFacts;
  readonly asks?: readonly WireAsk[];
}

export interface Detail {
  readonly t: "detail";
  readonly id: number;
  readonly pane: Pane;
  readonly at: readonly [number, number];
  readonly parts: readonly WirePart[];
  readonly next: readonly [number, number] | null;
  readonly count: number;
}

export interface Told {
  readonly t: "told";
  readonly ask: string;
  readonly ok: boolean;
  readonly text: string;
}

export interface Final {
  readonly t: "final";
  readonly seq: number;
}

export interface Module {
  readonly t: "module";
  readonly text: string;
}

export type Message = Snap | Delta | Detail | Told | Final | Module;

export type Command =
  | { readonly t: "hello"; readonly page: string }
  | { readonly t: "module" }
  | {
      readonly t: "detail";
      readonly id: number;
      readonly pane: Pane;
      readonly at: [number, number];
    }
  | { readonly t: "cancel"; readonly ask: string; readonly id: number }
  | (ToQuestion & { readonly t: "approve" })
  | (ToQuestion & { readonly t: "reject"; readonly reason: string })
  | (ToQuestion & { readonly t: "answer"; readonly value: string });

/** What is said to the question that a person read: the Node may ask another by then. */
interface ToQuestion {
  readonly ask: string;
  readonly id: number;
  readonly question: string;
}

/** How a view reaches its kernel, whatever carries the messages. */
export interface Link {
  send(command: Command): void;
  listen(tell: (message: Message) => void): () => void;
}
