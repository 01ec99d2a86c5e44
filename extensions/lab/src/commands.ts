// What can be done from the panel, the palette and the menu. What pays or runs code goes through
// a cell, so that the notebook tells what was done.

import type { JupyterFrontEnd } from "@jupyterlab/application";
import { InputDialog, Notification } from "@jupyterlab/apputils";
import { NotebookActions, type NotebookPanel } from "@jupyterlab/notebook";
import { codeOf, quoted } from "./code.js";
import type { Hub } from "./hub.js";
import type { Row } from "./messages.js";
import type { RunsPanel } from "./panel.js";
import { isOf } from "./state.js";
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
  "reject",
  "answer",
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
}

export function addCommands(needs: Needs): void {
  const { app, hub, panel, trans } = needs;
  const chosen = (args: object): Row[] => {
    const run = (args as { run?: unknown }).run;
    if (typeof run !== "string") return panel.chosen;
    const row = hub.current?.state.runs.get(run);
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
  const asks = (): boolean => (hub.current?.state.pending.length ?? 0) > 0;
  add("approve", trans.__("Approve What Waits"), trans.__("Approve"), asks, () => {
    needs.show();
    panel.pending.act("approve");
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
    trans.__("Diff"),
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
