// The sheet of keys: what each key of the panel does.

import { Dialog, showDialog } from "@jupyterlab/apputils";
import { CommandRegistry } from "@lumino/commands";
import { Widget } from "@lumino/widgets";
import { make } from "./dom.js";
import type { Words } from "./words.js";

type Line = readonly [string, string];

/** Keys that are commands, as they are bound now: a person may have changed them. */
function bound(commands: CommandRegistry, ids: readonly string[]): Line[] {
  const found: Line[] = [];
  for (const id of ids) {
    const binding = commands.keyBindings.find((one) => one.command === id);
    if (binding === undefined) continue;
    const keys = binding.keys.map((key) => CommandRegistry.formatKeystroke(key)).join(" ");
    found.push([keys, commands.caption(id) || commands.label(id)]);
  }
  return found;
}

const ANYWHERE = ["show-panel", "show-pending"];
const CARDS = ["approve", "approve-alike", "reject"];
const LIST = [
  "cancel-run",
  "diff-runs",
  "rerun-run",
  "rename-run",
  "note-run",
  "tag-runs",
  "pin-runs",
  "unpin-runs",
  "export-runs",
  "delete-runs",
];

function table(title: string, lines: readonly Line[]): HTMLElement {
  const rows = lines.map(([keys, does]) =>
    make(
      "tr",
      "",
      {},
      make("th", "", { scope: "row" }, make("kbd", "", {}, keys)),
      make("td", "", {}, does),
    ),
  );
  return make(
    "table",
    "nfx-keys",
    {},
    make("caption", "", {}, title),
    make("tbody", "", {}, ...rows),
  );
}

/** Show all keys. */
export async function showKeys(commands: CommandRegistry, trans: Words): Promise<void> {
  const ids = (names: readonly string[]): Line[] =>
    bound(
      commands,
      names.map((name) => `netflux:${name}`),
    );
  const shift = CommandRegistry.formatKeystroke("Shift");
  const accel = CommandRegistry.formatKeystroke("Accel A");
  const body = new Widget({
    node: make(
      "div",
      "nfx-sheet",
      {},
      table(trans.__("Anywhere"), [...ids(ANYWHERE)]),
      table(trans.__("A question that waits"), ids(CARDS)),
      table(trans.__("The list of runs"), [
        ["?", trans.__("These keys")],
        ["↑ ↓ PgUp PgDn Home End", trans.__("Move")],
        [trans.__("Space"), trans.__("Select or not")],
        [`${shift} ↑ ↓`, trans.__("Select up to there")],
        [accel, trans.__("Select all that were told")],
        ["Enter", trans.__("Open Run")],
        ["Esc", trans.__("Select nothing")],
        ...ids(LIST),
      ]),
      table(trans.__("The tree of a run"), [
        ["↑ ↓ ← →", trans.__("Move, fold and unfold")],
        ["Enter", trans.__("Show what stands behind a row")],
        ["/", trans.__("Search")],
      ]),
    ),
  });
  const title = trans.__("Keys of the Runs Panel");
  await showDialog({ title, body, buttons: [Dialog.okButton({ label: trans.__("Close") })] });
}
