// The plugins of the panel: what of JupyterLab each needs, and what it does without.

import {
  ILabShell,
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin,
} from "@jupyterlab/application";
import { ICommandPalette, WidgetTracker } from "@jupyterlab/apputils";
import { EditorExtensionRegistry, IEditorExtensionRegistry } from "@jupyterlab/codemirror";
import { INotebookTracker } from "@jupyterlab/notebook";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import { IStateDB } from "@jupyterlab/statedb";
import { IStatusBar } from "@jupyterlab/statusbar";
import { ITranslator, nullTranslator } from "@jupyterlab/translation";
import { Token } from "@lumino/coreutils";
import { MenuBar, type Widget } from "@lumino/widgets";
import { dress } from "../../view/style.js";
import { speak } from "../../view/tongue.js";
import { addCommands, NAMES } from "./commands.js";
import { keptOf } from "./filters.js";
import { highlight } from "./highlight.js";
import { Hub } from "./hub.js";
import { runsIcon } from "./icon.js";
import { Marks } from "./marks.js";
import { RunsPanel } from "./panel.js";
import { ChartsTab, LedgerTab } from "./reports.js";
import { RunTab } from "./runview.js";
import { Settler } from "./settle.js";
import { Choices, PLUGIN } from "./settings.js";
import { Shared } from "./shared.js";
import { StatusItem } from "./status.js";
import { UsageTab } from "./usage.js";
import type { Words } from "./words.js";

const DOMAIN = "netflux_lab";
// As in the schema.
const MENU = "jp-mainmenu-run-netflux";
const KEPT = `${PLUGIN}:panel`;

/** What the panel gives to others; a test asks it too. */
export interface INetflux {
  readonly hub: Hub;
  readonly panel: RunsPanel;
}

export const INetflux = new Token<INetflux>("netflux-lab:INetflux");

const plugin: JupyterFrontEndPlugin<INetflux> = {
  id: PLUGIN,
  description: "The runs of netflux_nb: panel, tabs, status bar, marks, settling.",
  autoStart: true,
  provides: INetflux,
  requires: [INotebookTracker],
  // Notebook 7 lacks the lab shell, and with it tabs and the restoring of them.
  optional: [
    ILabShell,
    ILayoutRestorer,
    ICommandPalette,
    IStatusBar,
    ISettingRegistry,
    IStateDB,
    ITranslator,
  ],
  activate: (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker,
    labShell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    statusBar: IStatusBar | null,
    registry: ISettingRegistry | null,
    db: IStateDB | null,
    translator: ITranslator | null,
  ): INetflux => {
    const known = (translator ?? nullTranslator).load(DOMAIN);
    // JupyterLab puts the count itself before what a plural is given.
    const trans: Words = {
      __: (text, ...given) => known.__(text, ...given),
      _n: (one, many, count, ...given) => known._n(one, many, count, ...given.slice(1)),
    };
    const choices = new Choices();
    if (registry === null) choices.leave();
    registry?.load(PLUGIN).then(
      (settings) => {
        choices.follow(settings);
      },
      () => {
        choices.leave();
      },
    );
    // Views in cells are other scripts of this page, and speak as the panel does.
    speak({
      __: (text, ...given) => trans.__(text, ...given),
      _n: (one, many, count, ...given) => trans._n(one, many, count, ...given),
      get money() {
        return choices.money;
      },
    });
    // Finished views of a notebook that is not trusted bring no style along.
    dress(document.body);
    const hub = new Hub(notebooks);
    const panel = new RunsPanel(hub, app.commands, choices, trans);
    panel.id = "netflux-runs";
    panel.title.icon = runsIcon;
    panel.title.caption = trans.__("Runs of netflux_nb");
    app.shell.add(panel, "left", { rank: 600, type: "Runs" });
    new Marks(hub, choices, trans);
    new Settler(hub, choices, trans);
    new Shared(hub, trans);
    badge(hub, panel, trans);

    // In the middle Notebook 7 has nothing but its notebook: what is opened goes below it.
    const area = labShell === null ? "down" : "main";
    const put = (tab: Widget, type: string): void => {
      tab.toggleClass("nfx-below", area === "down");
      app.shell.add(tab, area, { type });
    };
    const tabs = new WidgetTracker<RunTab>({ namespace: "netflux-runs" });
    const open = (run: string, notebook = hub.notebook?.context.path ?? ""): void => {
      if (run === "") return;
      const known = tabs.find((tab) => tab.tab.run === run);
      const tab = known ?? new RunTab({ run, notebook }, hub, trans);
      if (known === undefined) {
        put(tab, "Run");
        tab.content.renamed.connect(() => void tabs.save(tab));
        void tabs.add(tab);
      }
      app.shell.activateById(tab.id);
    };
    const usages = new WidgetTracker<UsageTab>({ namespace: "netflux-usage" });
    const showUsage = (notebook = hub.notebook?.context.path ?? ""): void => {
      if (notebook === "") return;
      const known = usages.find((tab) => tab.notebook === notebook);
      const tab = known ?? new UsageTab(notebook, hub, choices, trans);
      if (known === undefined) {
        put(tab, "Usage");
        tab.content.renamed.connect(() => void usages.save(tab));
        void usages.add(tab);
      }
      app.shell.activateById(tab.id);
    };
    const charts = new WidgetTracker<ChartsTab>({ namespace: "netflux-charts" });
    const showCharts = (notebook = hub.notebook?.context.path ?? ""): void => {
      if (notebook === "") return;
      const known = charts.find((tab) => tab.notebook === notebook);
      const tab = known ?? new ChartsTab(notebook, hub, trans);
      if (known === undefined) {
        put(tab, "Charts");
        tab.content.renamed.connect(() => void charts.save(tab));
        void charts.add(tab);
      }
      app.shell.activateById(tab.id);
    };
    const ledgers = new WidgetTracker<LedgerTab>({ namespace: "netflux-ledgers" });
    const showLedger = (run: string, notebook = hub.notebook?.context.path ?? ""): void => {
      if (run === "" || notebook === "") return;
      const known = ledgers.find((tab) => tab.run === run);
      const tab = known ?? new LedgerTab(run, notebook, hub, trans);
      if (known === undefined) {
        put(tab, "Ledger");
        tab.content.renamed.connect(() => void ledgers.save(tab));
        void ledgers.add(tab);
      }
      app.shell.activateById(tab.id);
    };
    addCommands({
      app,
      hub,
      panel,
      trans,
      open,
      showUsage,
      showCharts: () => {
        showCharts();
      },
      showLedger: (run) => {
        showLedger(run);
      },
      show: () => {
        app.shell.activateById(panel.id);
      },
    });
    panel.chosenChanged.connect(() => {
      app.commands.notifyCommandChanged();
    });
    app.commands.addCommand("netflux:restore-run", {
      execute: (args) => {
        const { run, notebook } = args;
        if (typeof run === "string") open(run, typeof notebook === "string" ? notebook : "");
      },
    });
    app.commands.addCommand("netflux:restore-usage", {
      execute: ({ notebook }) => {
        if (typeof notebook === "string") showUsage(notebook);
      },
    });
    app.commands.addCommand("netflux:restore-charts", {
      execute: ({ notebook }) => {
        if (typeof notebook === "string") showCharts(notebook);
      },
    });
    app.commands.addCommand("netflux:restore-ledger", {
      execute: ({ run, notebook }) => {
        if (typeof run === "string" && typeof notebook === "string") showLedger(run, notebook);
      },
    });
    if (labShell !== null && restorer !== null) {
      restorer.add(panel, "netflux-runs");
      void restorer.restore(tabs, {
        command: "netflux:restore-run",
        args: (tab) => ({ run: tab.tab.run, notebook: tab.tab.notebook }),
        name: (tab) => tab.tab.run,
      });
      void restorer.restore(charts, {
        command: "netflux:restore-charts",
        args: ({ notebook }) => ({ notebook }),
        name: ({ notebook }) => notebook,
      });
      void restorer.restore(ledgers, {
        command: "netflux:restore-ledger",
        args: ({ run, notebook }) => ({ run, notebook }),
        name: ({ run }) => run,
      });
      void restorer.restore(usages, {
        command: "netflux:restore-usage",
        args: ({ notebook }) => ({ notebook }),
        name: ({ notebook }) => notebook,
      });
    }
    for (const command of NAMES) {
      palette?.addItem({ command, category: trans.__("netflux_nb") });
    }
    if (statusBar !== null) {
      const item = new StatusItem(hub, choices, trans, () => {
        void app.commands.execute("netflux:show-usage");
      });
      statusBar.registerStatusItem("netflux-lab:status", {
        item,
        align: "right",
        rank: 100,
        isActive: () => item.isActive,
        activeStateChanged: item.activeChanged,
      });
    }
    if (db !== null) keep(db, panel);
    void app.restored.then(() => {
      nameMenu(app, trans);
    });
    return { hub, panel };
  },
};

/**
 * Say in the reader's language what our part of the menu is called. One would expect the server
 * to translate a schema; of extensions it gives the page all schemas as they were written:
 * `list_settings` in https://github.com/jupyterlab/jupyterlab_server/blob/main/jupyterlab_server/settings_utils.py
 */
function nameMenu(app: JupyterFrontEnd, trans: { __(text: string): string }): void {
  for (const bar of app.shell.widgets("menu")) {
    if (!(bar instanceof MenuBar)) continue;
    for (const { submenu } of bar.menus.flatMap((menu) => menu.items)) {
      if (submenu?.id === MENU) submenu.title.label = trans.__("netflux_nb Runs");
    }
  }
}

/** Say beside the panel's icon how much waits. */
function badge(hub: Hub, panel: RunsPanel, trans: { __(text: string): string }): void {
  hub.changed.connect(() => {
    const count = hub.current?.state.pending.length ?? 0;
    const label = count > 0 ? String(Math.min(count, 99)) : "";
    if (panel.title.label === label) return;
    panel.title.label = label;
    panel.title.className = count > 0 ? "nfx-has-pending" : "";
    const caption = trans.__("Runs of netflux_nb");
    panel.title.caption = count > 0 ? `${caption} (${label})` : caption;
  });
}

/** Keep what was searched for over a reload. */
function keep(db: IStateDB, panel: RunsPanel): void {
  db.fetch(KEPT).then(
    (value) => {
      if (value !== undefined) panel.restore(keptOf(value));
    },
    () => undefined,
  );
  panel.kept.connect((_, kept) => {
    void db.save(KEPT, { ...kept });
  });
}

const editor: JupyterFrontEndPlugin<void> = {
  id: "netflux-lab:highlight",
  description: "Highlights the cells of netflux_nb.",
  autoStart: true,
  requires: [IEditorExtensionRegistry],
  optional: [ITranslator],
  activate: (
    _: JupyterFrontEnd,
    editors: IEditorExtensionRegistry,
    translator: ITranslator | null,
  ): void => {
    const extension = highlight((translator ?? nullTranslator).load(DOMAIN));
    editors.addExtension({
      name: "netflux-lab:prompts",
      factory: () => EditorExtensionRegistry.createImmutableExtension(extension),
    });
  },
};

export default [plugin, editor];
