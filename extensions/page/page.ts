// What an exported page can do with a script: search, folds all at once, failures alone, playing.
// Without it the page reads whole, and none of this is there.

import { make, say, set } from "../view/dom.js";
import { Player, readPlayback } from "../view/player.js";
import { Store } from "../view/store.js";
import { RunView } from "../view/view.js";
import { onlyFailures, setAll } from "./folds.js";
import { comma, reveal, Search } from "./search.js";

const STYLE = `
.bar { position: sticky; top: 0; z-index: 2; max-width: 1102px; display: flex; flex-wrap: wrap; gap: 6px; align-items: center; padding: 8px 0; background: light-dark(#fff, #111); border-bottom: 1px solid light-dark(#ddd, #333); font-size: 13px; }
.bar-search { flex: 0 1 260px; min-width: 120px; }
.bar-search, .bar-button { font: inherit; color: inherit; background: light-dark(#fff, #111); border: 1px solid light-dark(#949494, #707070); border-radius: 3px; padding: 2px 8px; }
.bar-search::placeholder { color: light-dark(#666, #999); opacity: 1; }
.bar-button { cursor: pointer; }
.bar-button:hover:not(:disabled) { background: light-dark(#f0f0f0, #222); }
.bar-button:disabled { color: light-dark(#767676, #8a8a8a); border-color: light-dark(#ccc, #444); cursor: default; }
.bar-button[aria-pressed="true"] { border-color: #3b82f6; background: light-dark(#e5effe, #1c2b45); }
.bar :focus-visible { outline: 2px solid #3b82f6; outline-offset: 1px; }
.bar-count { min-width: 8em; color: light-dark(#555, #aaa); font-variant-numeric: tabular-nums; }
.play { margin: 0 0 10px; }
.bar-gap { flex: 1 1 0; }
.off { display: none !important; }
::highlight(hit) { background: light-dark(#ffe58a, #6b5500); }
::highlight(hit-now) { background: light-dark(#ff9d2e, #c46a00); color: #000; }
@media print { .bar, .play { display: none; } }
`;

function button(name: string, title: string, act: () => void): HTMLButtonElement {
  const made = make("button", "bar-button", { type: "button", title }, name);
  made.addEventListener("click", act);
  return made;
}

/** The run played again, in the view that it was live in: above its calls, when it is asked for. */
function playing(data: HTMLElement, tree: Element): HTMLButtonElement {
  const host = make("div", "play");
  let player: Player | null = null;
  const play = button("▶ Play", "Play the run again (p)", () => {
    if (player === null) {
      const run = readPlayback(data.textContent);
      if (run === null) return;
      player = new Player(run);
      tree.querySelector("h2")?.after(host);
      new RunView(new Store(player, player)).mount(host);
      player.play();
    } else {
      host.hidden = !host.hidden;
      if (host.hidden) player.pause();
      else player.play();
    }
    const isShown = !host.hidden;
    set(play, "aria-pressed", String(isShown));
    if (isShown) tree.scrollIntoView();
  });
  set(play, "aria-pressed", "false");
  return play;
}

function begin(): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];

  const sections = [...document.querySelectorAll("main > section")];
  const within = (name: string): Element | null =>
    document.getElementById(name)?.parentElement ?? null;
  const head = [...document.querySelectorAll("main > :is(h1, p, .nf1)")];
  const search = new Search([...head, ...sections]);
  const folds = (): HTMLDetailsElement[] => [
    ...document.querySelectorAll<HTMLDetailsElement>("section details"),
  ];
  const all = (open: boolean) => (): void => {
    setAll(folds(), open);
  };

  let isOnly = false;
  const count = onlyFailures(within("tree"), within("conversations"), false);
  const only = button("Only failures", "Only failures (f)", () => {
    isOnly = !isOnly;
    onlyFailures(within("tree"), within("conversations"), isOnly);
    set(only, "aria-pressed", String(isOnly));
    search.again();
  });
  set(only, "aria-pressed", "false");
  set(only, "disabled", count === 0);
  say(only, count === 0 ? "No failures" : `Only failures (${comma(count)})`);

  const bar = make(
    "div",
    "bar",
    { role: "toolbar", "aria-label": "This page" },
    search.input,
    search.before,
    search.next,
    search.count,
    make("span", "bar-gap"),
    only,
    button("Expand all", "Expand all (e)", all(true)),
    button("Collapse all", "Collapse all (c)", all(false)),
  );
  const nav = document.querySelector("main > nav");
  nav?.after(bar);
  const data = document.getElementById("playback");
  const tree = within("tree");
  const play = data === null || tree === null ? null : playing(data, tree);
  if (play !== null) only.before(play);

  const keys: Record<string, () => void> = {
    "/": () => {
      search.focus();
    },
    e: all(true),
    c: all(false),
    f: () => {
      only.click();
    },
    p: () => {
      play?.click();
    },
    Escape: () => {
      search.clear();
    },
  };
  document.addEventListener("keydown", (event) => {
    const at = event.target;
    const isTyped =
      at instanceof HTMLElement && at.closest("input, select, textarea, .nfv") !== null;
    if (isTyped || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const act = keys[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  });

  // A link leads into a fold: it is opened, in browsers too that do not do so.
  const follow = (): void => {
    const name = decodeURIComponent(location.hash.slice(1));
    const target = name === "" ? null : document.getElementById(name);
    if (target === null) return;
    reveal(target);
    target.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  follow();
}

begin();
