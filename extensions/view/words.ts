// Numbers and texts as a person reads them.

import type { StateCode } from "./messages.js";
import type { RunNode } from "./state.js";
import { __, amount } from "./tongue.js";

export { SHAPES } from "./look.js";
export const STATE_CODES: readonly StateCode[] = [0, 1, 2, 3, 4, 5];

export function stateName(state: StateCode): string {
  switch (state) {
    case 0:
      return __("Waiting");
    case 1:
      return __("Running");
    case 2:
      return __("Success");
    case 3:
      return __("Error");
    case 4:
      return __("Canceled");
    case 5:
      return __("Cut off");
  }
}

// As `show/parts/marked.py`: what has no sign of its own is given one.
const UNSEEN =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\u180b-\u180d\u180f\ufe00-\ufe0f\u{e0000}-\u{10ffff}]|(?! )\p{Zs}/gu;

export function visible(text: string): string {
  return text.replace(UNSEEN, (char) => {
    if (char === "\n") return char;
    if (char === "\t") return "⇥";
    const code = char.codePointAt(0) ?? 0;
    return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
}

export function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

/** Who asks, and what: a question that begins with the call itself does not name it twice. */
export function question(name: string, what: string): readonly [string, string] {
  return [name, what.startsWith(`${name}(`) ? what.slice(name.length) : ` ${what}`];
}

export function tokens(count: number): string {
  return count === 0 ? "" : count.toLocaleString("en-US");
}

export function usd(paid: number, unknown = 0): string {
  if (paid === 0) return unknown > 0 ? __("unknown") : "";
  const text = amount(paid, digits(paid));
  return unknown > 0 ? `${text} + ?` : text;
}

/** As many digits as count, by the rule of `show/parts/numbers.py`. */
function digits(paid: number): number {
  if (paid >= 0.1) return 2;
  return Math.min(7, Math.max(3, 1 - Math.floor(Math.log10(paid))));
}

export function seconds(millis: number): string {
  if (millis < 1) return "";
  if (millis < 1000) return `${Math.round(millis)} ms`;
  const s = millis / 1000;
  if (s < 120) return `${s.toFixed(1)} s`;
  return s < 7200 ? `${(s / 60).toFixed(1)} min` : `${(s / 3600).toFixed(1)} h`;
}

/** What a subtree cost: nothing where it asked no model, "unknown" where no price is known. */
export function money(node: RunNode): string {
  const text = usd(node.usd, node.unknown);
  return text === "" && node.tokens > 0 ? amount(0, 2) : text;
}

/** True for what has its outcome: what was cut off has none. */
export function isDone(state: StateCode): boolean {
  return state >= 2 && state !== 5;
}

/** How long a Node took so far; nothing before it began, and where nobody knows. */
export function lasted(node: RunNode, now: number): number {
  if (node.start === 0 || node.state === 5) return 0;
  return Math.max(1, (node.end === 0 ? now : node.end) - node.start);
}

export function stateWord(node: RunNode): string {
  if (isAsking(node)) return __("asks you");
  if (node.state <= 1 && node.waits !== "" && node.waits !== "child") {
    return __("waits: %1", node.waits);
  }
  return stateName(node.state);
}

export function isAsking(node: RunNode): boolean {
  return node.waits === "approval" || node.waits === "answer";
}

/** Who answered what it asked, and at what time of the day. */
export function answered(node: RunNode, since: number): string {
  if (node.answered === "" || since === 0) return visible(node.answered);
  const at = new Date(since * 1000 + node.answeredAt);
  const time = at.toLocaleTimeString(undefined, {
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  return visible(`${node.answered}, ${time}`);
}

/** Where it comes from, where it is not simply a call, and who agreed to it. */
export function marks(node: RunNode, since: number): string {
  return [visible(node.mark), answered(node, since)].filter(Boolean).join(" ");
}

/** All that a row says, for who hears it. */
export function spoken(node: RunNode, now: number, since = 0): string {
  const parts = [node.name, stateWord(node)];
  if (node.below > 0) parts.push(__("%1 of %2 below done", node.done, node.below));
  if (node.failed > 0) parts.push(__("%1 failed", node.failed));
  const time = seconds(lasted(node, now));
  if (time !== "") parts.push(time);
  if (node.tokens > 0) parts.push(__("%1 tokens", tokens(node.tokens)));
  if (money(node) !== "") parts.push(priced(node));
  const said = marks(node, since);
  if (said !== "") parts.push(said);
  return parts.join(", ");
}

/** The same in a sentence. */
export function priced(node: RunNode): string {
  return node.usd === 0 && node.unknown > 0 ? __("price unknown") : money(node);
}
