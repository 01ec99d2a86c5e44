// What can be done from the panel, the palette and the menu. What pays or runs code goes through
// a cell, so that the notebook tells what was done.

import type { JupyterFrontEnd } from "@jupyterlab/application";
import { Dialog, InputDialog, Notification, showDialog } from "@jupyterlab/apputils";
import { NotebookActions, type NotebookPanel } from "@jupyterlab/notebook";
import { codeOf, quoted, rerunOf } from "./code.js";
import type { Hub } from "./hub.js";
import { showKeys } from "./keys.js";
import type { Row } from "./messages.js";
import type { RunsPanel } from "./panel.js";
import { isOf, rowOf } from "./state.js";
import type { Words } from "./words.js";

export const NAMES = [
  "show-panel",
  "show-pending",
  "show-usage",
  "open-run",
  "cancel-run",
  "replay-run",
  "fork-run",
  "diff-runs",
  "insert-code",
  "reveal-cell",
  "approve",
  "approve-alike",
  "reject",
  "answer",
  "rerun-run",
  "tag-runs",
  "tags-run",
  "rename-run",
  "note-run",
  "pin-runs",
  "unpin-runs",
  "export-runs",
  "delete-runs",
  "show-ledger",
  "show-charts",
  "show-keys",
  "refresh",
].map((name) => `netflux:${name}`);

export interface Needs {
  readonly app: JupyterFrontEnd;
  readonly hub: Hub;
  readonly panel: RunsPanel;
  readonly trans: Words;
  open(run: string): void;
  show(): void;
  showUsage(): void;
  readonly showCharts: () => void;
  readonly showLedger: (run: string) => void;
}

export function addCommands(needs: Needs): void {
  const { app, hub, panel, trans } = needs;
  const chosen = (args: object): Row[] => {
    const run = (args as { run?: unknown }).run;
    if (typeof run !== "string") return panel.chosen;
    const state = hub.current?.state;
    const row = state === undefined ? undefined : rowOf(state, run);
    return row === undefined ? [] : [row];
  };
  const one = (args: object): Row | undefined => {
    const rows = chosen(args);
    return rows.length === 1 ? rows[0] : undefined;
  };
  const isRecorded = (row: Row | undefined): boolean =>
    row !== undefined && !row.id.startsWith("live-") && quoted(row.id) !== "";

  function add(
    name: string,
    label: string,
    short: string,
    enabled: (args: object) => boolean,
    execute: (args: object) => unknown,
  ): void {
    app.commands.addCommand(`netflux:${name}`, {
      label: (args) => (args["short"] === true ? short : label),
      caption: label,
      isEnabled: enabled,
      execute,
      describedBy: { args: { type: "object", properties: { run: { type: "string" } } } },
    });
  }

  const always = (): boolean => true;
  const inNotebook = (): boolean => hub.notebook !== null;
  add("show-panel", trans.__("Show Runs"), trans.__("Runs"), always, () => {
    needs.show();
    panel.focusSearch();
  });
  add("show-pending", trans.__("Show What Waits for You"), trans.__("Pending"), always, () => {
    needs.show();
    panel.refresh();
    requestAnimationFrame(() => {
      panel.pending.focusFirst();
    });
  });
  add("show-keys", trans.__("Keys of the Runs Panel"), trans.__("Keys"), always, () =>
    showKeys(app.commands, trans),
  );
  add("refresh", trans.__("Refresh Runs"), trans.__("Refresh"), inNotebook, () => {
    panel.renew();
  });
  add("show-usage", trans.__("Show Usage of This Notebook"), trans.__("Usage"), inNotebook, () => {
    needs.showUsage();
  });
  add(
    "open-run",
    trans.__("Open Run"),
    trans.__("Open"),
    (args) => one(args) !== undefined,
    (args) => {
      const row = one(args);
      if (row !== undefined) needs.open(row.id);
    },
  );
  add(
    "cancel-run",
    trans.__("Cancel Run"),
    trans.__("Cancel"),
    (args) => chosen(args).some((row) => row.mine && row.seconds === null),
    async (args) => {
      for (const row of chosen(args)) {
        if (!row.mine || row.seconds !== null) continue;
        const said = await hub.current?.command("cancel", row.id);
        if (said?.ok !== true) {
          Notification.warning(said?.text || trans.__("The kernel has not answered."));
        }
      }
    },
  );
  addCoded(needs, add, one, chosen, isRecorded);
  addActs(needs, add, one, (args) => chosen(args).filter(isRecorded));
  const asks = (): boolean => (hub.current?.state.pending.length ?? 0) > 0;
  add("approve", trans.__("Approve What Waits"), trans.__("Approve"), asks, () => {
    needs.show();
    panel.pending.act("approve");
  });
  const alike = trans.__("Approve All of a Kind That Wait…");
  add("approve-alike", alike, trans.__("Approve all"), asks, () => {
    needs.show();
    return panel.pending.approveAlike();
  });
  add("reject", trans.__("Reject What Waits"), trans.__("Reject"), asks, () => {
    needs.show();
    panel.pending.act("reject");
  });
  add("answer", trans.__("Answer What Is Asked…"), trans.__("Answer"), asks, async () => {
    const link = hub.current;
    const asked = link?.state.pending.find((pending) => pending.kind === "answer");
    if (link === null || asked === undefined) return;
    const title = trans.__("%1() asks", asked.fn);
    const given =
      asked.choices.length > 0
        ? await InputDialog.getItem({ title, label: asked.what, items: [...asked.choices] })
        : await InputDialog.getText({ title, label: asked.what });
    if (given.value === null) return;
    const said = await link.command("answer", asked.run, asked.node, given.value, asked.question);
    if (!said.ok) Notification.warning(said.text || trans.__("The kernel has not answered."));
  });
}

type Add = (
  name: string,
  label: string,
  short: string,
  enabled: (args: object) => boolean,
  execute: (args: object) => unknown,
) => void;

/** Those that write a cell. */
function addCoded(
  { hub, trans, app }: Needs,
  add: Add,
  one: (args: object) => Row | undefined,
  chosen: (args: object) => Row[],
  isRecorded: (row: Row | undefined) => boolean,
): void {
  const recorded = (args: object): boolean => hub.notebook !== null && isRecorded(one(args));
  const coded = (
    name: string,
    label: string,
    short: string,
    runs: boolean,
    code: (row: Row) => string,
  ): void => {
    add(name, label, short, recorded, (args) => {
      const row = one(args);
      return row === undefined ? undefined : insert(hub.notebook, code(row), runs);
    });
  };
  const head = "from netflux_nb import runs\n\n";
  coded("replay-run", trans.__("Replay Run"), trans.__("Replay"), true, (row) => {
    return `${head}runs[${quoted(row.id)}].replay()`;
  });
  // It may pay: it is written, and a person runs it.
  coded("fork-run", trans.__("Fork Run…"), trans.__("Fork"), false, (row) => {
    const path = /^\w[\w-]{0,63}$/.test(row.fn) ? row.fn : "";
    return `${head}# Change what is to differ, then run this cell: what follows it is live.\nfork = runs[${quoted(row.id)}].node("${path}").fork(model=None, prompt=None, args=None)`;
  });
  coded("insert-code", trans.__("Insert Code for Run"), trans.__("Insert code"), false, codeOf);
  add(
    "diff-runs",
    trans.__("Compare Two Runs"),
    trans.__("Compare"),
    (args) => hub.notebook !== null && chosen(args).length === 2 && chosen(args).every(isRecorded),
    (args) => {
      const pair = [...chosen(args)].sort((a, b) => a.opened - b.opened);
      const [a, b] = pair;
      if (a === undefined || b === undefined) return undefined;
      const code = `${head}runs[${quoted(a.id)}].diff(runs[${quoted(b.id)}])`;
      return insert(hub.notebook, code, true);
    },
  );
  add(
    "reveal-cell",
    trans.__("Reveal the Cell That Started Run"),
    trans.__("Reveal cell"),
    (args) => (one(args)?.cell ?? "") !== "",
    async (args) => {
      const row = one(args);
      if (row === undefined || !(await reveal(app, hub, row))) {
        Notification.info(trans.__("The cell that started this run is not in an open notebook."));
      }
    },
  );
}

/** Those that change the record: labels, pins, deletes, exports. */
function addActs(
  { app, hub, panel, trans, showCharts, showLedger }: Needs,
  add: Add,
  one: (args: object) => Row | undefined,
  recorded: (args: object) => Row[],
): void {
  const ids = (args: object): string[] => recorded(args).map((row) => row.id);
  const isOver = (row: Row): boolean => row.seconds !== null || row.state === "CutOff";
  const some = (args: object): boolean => recorded(args).length > 0;
  const single = (args: object): boolean => one(args) !== undefined && some(args);

  add(
    "rerun-run",
    trans.__("Run Again What Changed…"),
    trans.__("Rerun"),
    (args) => hub.notebook !== null && recorded(args).some(isOver),
    (args) => insert(hub.notebook, rerunOf(recorded(args).filter(isOver)), false),
  );
  add("tag-runs", trans.__("Tag Runs…"), trans.__("Tag"), some, async (args) => {
    const names = ids(args);
    const title = trans._n("Tag %1 run", "Tag %1 runs", names.length, names.length);
    const label = trans.__("Tags, a word each");
    const given = await InputDialog.getText({ title, label });
    const words = given.value?.trim() ?? "";
    if (words !== "") await panel.act("tag", names, words);
  });
  for (const [name, label, short, field] of [
    ["rename-run", trans.__("Rename Run"), trans.__("Rename"), "rename"],
    ["note-run", trans.__("Write a Note on Run"), trans.__("Note"), "note"],
    ["tags-run", trans.__("Edit Tags of Run"), trans.__("Edit tags"), "tags"],
  ] as const) {
    add(name, label, short, single, (args) => {
      const row = one(args);
      if (row === undefined) return;
      app.shell.activateById(panel.id);
      panel.list.edit(row, field);
    });
  }
  add(
    "pin-runs",
    trans.__("Pin Runs"),
    trans.__("Pin"),
    (args) => recorded(args).some((row) => !row.pinned),
    (args) => panel.act("pin", ids(args)),
  );
  add(
    "unpin-runs",
    trans.__("Unpin Runs"),
    trans.__("Unpin"),
    (args) => recorded(args).some((row) => row.pinned),
    (args) => panel.act("unpin", ids(args)),
  );
  add("export-runs", trans.__("Export Runs…"), trans.__("Export"), some, async (args) => {
    const rows = recorded(args);
    const fn = rows[0]?.fn.replace(/\W+/g, "_").slice(0, 40) || "runs";
    const given = await InputDialog.getText({
      title: trans._n("Export %1 run", "Export %1 runs", rows.length, rows.length),
      label:
        rows.length === 1
          ? trans.__("A file beside the notebook: .nfrun for a colleague, .html to read")
          : trans.__("A file beside the notebook, whose name ends in .nfrun"),
      text: `${rows.length === 1 ? fn : `${fn}-${rows.length}`}.nfrun`,
      selectionRange: fn.length,
    });
    const name = given.value?.trim() ?? "";
    if (name !== "") await panel.act("export", ids(args), name);
  });
  add(
    "delete-runs",
    trans.__("Delete Runs…"),
    trans.__("Delete"),
    (args) => recorded(args).some(isOver),
    async (args) => {
      const names = recorded(args)
        .filter(isOver)
        .map((row) => row.id);
      const word = trans._n("Delete %1 run", "Delete %1 runs", names.length, names.length);
      const asked = await showDialog({
        title: `${word}?`,
        body: trans.__("They go from the record of all notebooks, for good. Pinned ones stay."),
        buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: word })],
        defaultButton: 0,
      });
      if (!asked.button.accept) return;
      await panel.act("delete", names);
      panel.list.node.focus();
    },
  );
  add("show-ledger", trans.__("Show What Was Free in Run"), trans.__("Ledger"), single, (args) => {
    const row = one(args);
    if (row !== undefined) showLedger(row.id);
  });
  const inNotebook = (): boolean => hub.notebook !== null;
  add("show-charts", trans.__("Show Charts over Runs"), trans.__("Charts"), inNotebook, showCharts);
}

/** Put a cell below the active one, and run it where that is wanted. */
async function insert(panel: NotebookPanel | null, code: string, runs: boolean): Promise<void> {
  if (panel === null || panel.isDisposed) return;
  const { content, sessionContext } = panel;
  NotebookActions.insertBelow(content);
  const at = content.activeCellIndex;
  content.activeCell?.model.sharedModel.setSource(code);
  await content.scrollToItem(at, "smart");
  if (runs) {
    await NotebookActions.run(content, sessionContext);
    if (content.isDisposed) return;
    content.activeCellIndex = at;
    await content.scrollToItem(at, "start");
  } else {
    content.mode = "edit";
    content.activate();
  }
}

async function reveal(app: JupyterFrontEnd, hub: Hub, row: Row): Promise<boolean> {
  // Copies of a notebook have cells of the same names.
  const own = hub.panels.filter((panel) => isOf(row, panel.context.path));
  for (const panel of new Set([...own, ...hub.panels])) {
    const at = panel.content.widgets.findIndex((cell) => cell.model.id === row.cell);
    if (at === -1) continue;
    app.shell.activateById(panel.id);
    panel.content.activeCellIndex = at;
    await panel.content.scrollToItem(at, "center");
    return true;
  }
  return false;
}
