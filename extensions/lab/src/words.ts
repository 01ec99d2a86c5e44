// Numbers and states as a person reads them.

import { AGAIN, FORKED, SERVED } from "../../view/look.js";
import type { Before, Mark, Pending, Row, RunStateWord, Status } from "./messages.js";

/** What is said in the reader's language. */
export interface Words {
  __(text: string, ...given: unknown[]): string;
  _n(one: string, many: string, count: number, ...given: unknown[]): string;
}

export interface Money {
  /** In front of an amount. */
  readonly sign: string;
  /** After the point; nothing chooses by the amount. */
  readonly digits: number | null;
}

export const MONEY: Money = { sign: "$", digits: null };

/** A shape beside the word of each state: never a colour alone. */
export const SHAPES: Readonly<Record<RunStateWord, string>> = {
  Waiting: "○",
  Running: "◐",
  Success: "●",
  Error: "✗",
  Canceled: "◌",
  CutOff: "◍",
};

export function stateWord(state: RunStateWord, trans: Words): string {
  switch (state) {
    case "Waiting":
      return trans.__("Waiting");
    case "Running":
      return trans.__("Running");
    case "Success":
      return trans.__("Success");
    case "Error":
      return trans.__("Error");
    case "Canceled":
      return trans.__("Canceled");
    case "CutOff":
      return trans.__("Cut off");
  }
}

export function tokens(count: number): string {
  return count.toLocaleString("en-US");
}

export function money(amount: number, unpriced: number, how: Money = MONEY): string {
  if (amount === 0 && unpriced > 0) return `${how.sign}?`;
  const auto = amount === 0 || amount >= 0.1 ? 2 : amount >= 0.001 ? 4 : 6;
  const said = `${how.sign}${amount.toFixed(how.digits ?? auto)}`;
  return unpriced > 0 ? `${said} + ?` : said;
}

export function seconds(s: number): string {
  if (s < 0.001) return "<1 ms";
  if (s < 1) return `${Math.round(s * 1000)} ms`;
  if (s < 120) return `${s.toFixed(1)} s`;
  return s < 7200
    ? `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`
    : `${(s / 3600).toFixed(1)} h`;
}

/** When it began, short: the time today, else the day. */
export function moment(time: number, now: number): string {
  if (time <= 0) return "";
  const date = new Date(time * 1000);
  const isToday = date.toDateString() === new Date(now * 1000).toDateString();
  return isToday
    ? date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" })
    : date.toLocaleDateString(undefined, { month: "short", day: "numeric" });
}

/** What it is: its title where it has one, else the call. */
export function called(row: Row): string {
  return row.title === "" ? `${row.fn}(${row.args})` : row.title;
}

/** The end of a run's name, which names it too. */
export function shortName(id: string): string {
  return id.split("-").slice(-2).join("-");
}

// Of a note in a row.
const NOTE_CHARS = 60;

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

/** Which run it comes from, that it is kept, its tags and its note. */
export function marksOf(row: Row, trans: Words): string[] {
  const found: string[] = [];
  if (row.pinned) found.push(`⚲ ${trans.__("pinned")}`);
  if (row.of !== "") {
    const which = row.ofTitle || shortName(row.of);
    found.push(`${FROM[row.how] ?? AGAIN} ${trans.__("%1 of %2", howWord(row.how, trans), which)}`);
  }
  found.push(...row.tags.map((tag) => `#${tag}`));
  if (row.note !== "") found.push(`“${cut(row.note, NOTE_CHARS)}”`);
  return found;
}

const FROM: Readonly<Record<string, string>> = { replay: SERVED, fork: FORKED };

function howWord(how: string, trans: Words): string {
  switch (how) {
    case "replay":
      return trans.__("replay");
    case "fork":
      return trans.__("fork");
    case "rerun":
      return trans.__("rerun");
    case "resume":
      return trans.__("resumed");
    default:
      return how;
  }
}

/** How it stands: its state in a word, how much failed, and how far it is. */
export function standing(row: Row, trans: Words): string {
  const word =
    row.waits > 0
      ? trans._n("asks you", "asks you %1 things", row.waits, row.waits)
      : stateWord(row.state, trans);
  const isGoing = row.mine && row.seconds === null && row.nodes > 1;
  const parts = [word];
  if (isGoing) parts.push(trans.__("%1 of %2", row.done, row.nodes));
  // Of one Node alone, its state says it.
  if (row.failed > 0 && row.nodes > 1) parts.push(trans.__("%1 failed", row.failed));
  return parts.join(" · ");
}

/** How long it took, or has gone on; nothing where nobody knows. */
export function lasted(row: Row, now: number): string {
  const took = row.seconds ?? (row.mine ? Math.max(0, now - row.opened) : null);
  return took === null ? "" : seconds(took);
}

/** What it took, but for money. */
export function taken(row: Row, now: number, trans: Words): string {
  const parts: string[] = [];
  const took = lasted(row, now);
  if (took !== "") parts.push(took);
  if (row.tokens > 0) parts.push(trans.__("%1 tokens", tokens(row.tokens)));
  if (row.error !== "" && row.state !== "Canceled") parts.push(row.error);
  return parts.join(" · ");
}

/** All but name, money and moment, in a line. */
export function about(row: Row, now: number, trans: Words): string {
  const parts = [standing(row, trans)];
  if (row.seconds !== null && row.nodes > 1) {
    parts.push(trans._n("%1 Node", "%1 Nodes", row.nodes, row.nodes));
  }
  const rest = taken(row, now, trans);
  if (rest !== "") parts.push(rest);
  return parts.join(" · ");
}

/** All that a row says, for who hears it. */
export function spoken(row: Row, now: number, how: Money, trans: Words): string {
  const parts = [called(row), about(row, now, trans).split(" · ").join(", ")];
  if (row.usd > 0 || row.unpriced > 0) parts.push(money(row.usd, row.unpriced, how));
  const begun = moment(row.opened, now);
  if (begun !== "") parts.push(begun);
  return [...parts, ...marksOf(row, trans)].join(", ");
}

/** Who asks, in which run of which notebook, where in it. */
export function asksIn(
  one: Pending,
  row: Row | undefined,
  now: number,
  trans: Words,
  /** Another card says the same. */
  isAlike = false,
): string[] {
  const found: string[] = [];
  const steps = one.path.split("/");
  if (one.asker !== "") found.push(trans.__("asked by the agent %1", one.asker));
  if (steps.length > 1) found.push(steps.join(" / "));
  // The call that asks is said above: where that is the run itself, its name tells it apart.
  const isRoot = steps.length === 1 && row?.title === "";
  const names = [row === undefined || isRoot ? "" : called(row)];
  if (isRoot || isAlike) names.push(shortName(one.run));
  const name = names.filter((each) => each !== "").join(", ");
  if (name !== "") found.push(trans.__("run %1", name));
  if (row !== undefined && row.notebook !== "") {
    found.push(row.notebook.slice(row.notebook.lastIndexOf("/") + 1));
  }
  const since = moment(one.since, now);
  if (since !== "") found.push(trans.__("since %1", since));
  return found;
}

/** What was answered before: how often today, and by whom the last time. */
export function beforeText(fn: string, before: Before, now: number, trans: Words): string {
  const counts: string[] = [];
  const { approved, rejected, answered } = before;
  if (approved > 0) {
    counts.push(trans._n("approved once", "approved %1 times", approved, tokens(approved)));
  }
  if (rejected > 0) {
    counts.push(trans._n("rejected once", "rejected %1 times", rejected, tokens(rejected)));
  }
  if (answered > 0) {
    counts.push(trans._n("answered once", "answered %1 times", answered, tokens(answered)));
  }
  const who = before.mine ? trans.__("you") : before.by || trans.__("somebody");
  const how =
    before.how === "approved"
      ? trans.__("approved")
      : before.how === "rejected"
        ? trans.__("rejected")
        : trans.__("answered");
  const when = moment(before.last, now);
  const last =
    counts.length > 1 || counts.length === 0
      ? trans.__("last %1 by %2, %3", how, who, when)
      : trans.__("last by %1, %2", who, when);
  return counts.length === 0
    ? `${fn}(): ${last}`
    : `${trans.__("%1() today: %2", fn, counts.join(", "))}; ${last}`;
}

/** What is said of a notebook: nothing where there is nothing to say. */
export function statusText(status: Status, how: Money, trans: Words): string {
  const parts: string[] = [];
  if (status.waiting > 0) {
    parts.push(trans._n("%1 waits for you", "%1 wait for you", status.waiting, status.waiting));
  }
  if (status.running > 0) parts.push(trans.__("%1 running", status.running));
  if (status.tokens > 0) parts.push(trans.__("%1 tokens", tokens(status.tokens)));
  const isPaid = status.usd > 0 || status.unpriced > 0;
  const spent = money(status.usd, status.unpriced, how);
  const left = status.left === null ? "" : money(status.left, 0, how);
  if (isPaid && left !== "") parts.push(trans.__("%1 today, %2 left", spent, left));
  else if (isPaid) parts.push(spent);
  else if (left !== "") parts.push(trans.__("%1 left", left));
  return parts.join(" · ");
}

/** What a mark says, short and in full. */
export function markText(mark: Mark, how: Money, trans: Words): { short: string; long: string } {
  const version = mark.version.slice(0, 6);
  const news =
    mark.changed === null
      ? trans.__("never run")
      : mark.changed
        ? trans.__("changed since the last run")
        : mark.unhashed.length > 0
          ? trans.__(
              "as in the last run, as far as can be judged (not %1)",
              mark.unhashed.join(", "),
            )
          : trans.__("as in the last run");
  const cost =
    mark.calls === 0 || mark.cost === 0
      ? ""
      : mark.cost === null
        ? trans.__("last cost unknown")
        : trans._n(
            "%2 in %1 call",
            "%2 in %1 calls",
            mark.calls,
            mark.calls,
            money(mark.cost, 0, how),
          );
  const paid = mark.calls > 0 && mark.cost !== null && mark.cost > 0;
  const isSure = mark.unhashed.length === 0;
  const sign = mark.changed === null ? "○" : mark.changed ? "△" : isSure ? "●" : "◐";
  return {
    short: [sign, version, paid ? money(mark.cost, 0, how) : ""].filter(Boolean).join(" "),
    long: [`${mark.fn}()`, trans.__("version %1", version || "?"), news, cost]
      .filter(Boolean)
      .join(", "),
  };
}
