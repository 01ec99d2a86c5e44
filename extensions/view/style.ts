// How the run view looks: JupyterLab's own colours, with others where it is shown elsewhere.

import * as look from "./look.js";

const COLUMNS = look.WIDTHS.map((width) => `${width}px`).join(" ");

const TEXT = `
.nfv { ${look.VARIABLES}
  --nf-bg2: color-mix(in srgb, var(--nf-fg) 6%, var(--nf-bg));
  --nf-tint: color-mix(in srgb, var(--nf-focus) 12%, var(--nf-bg));
  --nf-row: ${look.ROW}px;
  container: nfv / inline-size;
  box-sizing: border-box;
  max-width: ${look.WIDEST}px;
  margin: 2px 0;
  border: 1px solid var(--nf-line);
  border-radius: 4px;
  background: var(--nf-bg);
  color: var(--nf-fg1);
  font: ${look.FONT};
  font-variant-numeric: tabular-nums;
  overflow: hidden;
}
.nfv *, .nfv *::before { box-sizing: border-box; }
.nfv [hidden] { display: none !important; }
.nfv-dim { color: var(--nf-dim); }
.nfv-quiet { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.nfv :focus { outline: none; }
.nfv :focus-visible { outline: 2px solid var(--nf-focus); outline-offset: -2px; }

.nfv-head { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 12px; padding: 5px 8px 5px 10px; }
.nfv-title { font-weight: 600; color: var(--nf-fg); overflow-wrap: anywhere; }
.nfv-sum { flex: 1 1 auto; }
.nfv-sum span + span::before { content: "·"; margin: 0 6px; color: var(--nf-dim); }
.nfv-meter { height: 2px; background: var(--nf-line); display: flex; }
.nfv-meter > div { height: 100%; transition: width .2s linear; }
.nfv-meter > .ok { background: var(--nf-ok); }
.nfv-meter > .no { background: var(--nf-bad); }

.nfv-button { font: inherit; font-size: 12px; line-height: 18px; padding: 1px 9px; color: var(--nf-fg); background: var(--nf-bg); border: 1px solid var(--nf-edge); border-radius: 3px; cursor: pointer; max-width: 100%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.nfv-button:hover:not(:disabled) { background: var(--nf-bg2); }
.nfv-button:disabled { opacity: .55; cursor: default; }
.nfv-yes { border-color: var(--nf-ok); }
.nfv-no { border-color: var(--nf-bad); }
.nfv-link { margin: 0; max-width: 100%; text-align: left; font: inherit; font-weight: 600; padding: 0; border: 0; background: none; color: var(--nf-fg); cursor: pointer; text-decoration: underline dotted; text-underline-offset: 3px; }
.nfv-input { font: inherit; font-size: 12px; line-height: 18px; padding: 1px 6px; min-width: 0; color: var(--nf-fg); background: var(--nf-bg); border: 1px solid var(--nf-edge); border-radius: 3px; }
.nfv-input::placeholder { color: var(--nf-dim); opacity: 1; }
.nfv-wide { flex: 1 1 160px; }

.nfv-play { display: flex; flex-wrap: wrap; gap: 4px 6px; align-items: center; padding: 4px 8px; border-top: 1px solid var(--nf-line); background: var(--nf-bg2); font-size: 12px; }
.nfv-play .nfv-button:first-child { min-width: 72px; }
.nfv-scrub { flex: 1 1 120px; min-width: 60px; margin: 0 4px; accent-color: var(--nf-focus); }
.nfv-select { font: inherit; font-size: 12px; line-height: 18px; padding: 1px 2px; color: var(--nf-fg); background: var(--nf-bg); border: 1px solid var(--nf-edge); border-radius: 3px; }
.nfv-when { min-width: 130px; text-align: right; }

.nfv-asks { border-top: 1px solid var(--nf-line); padding: 6px 10px; display: grid; gap: 8px; background: color-mix(in srgb, var(--nf-ask) 9%, var(--nf-bg)); max-height: 400px; overflow: auto; }
.nfv-ask { display: grid; gap: 4px; }
.nfv-ask-line { display: grid; grid-template-columns: 16px minmax(0, 1fr); gap: 0 8px; overflow-wrap: anywhere; }
.nfv-ask-mark { flex: none; width: 16px; height: 16px; border-radius: 50%; text-align: center; line-height: 16px; font-weight: 700; font-size: 11px; color: var(--nf-bg); background: var(--nf-ask); margin-top: 1px; }

.nfv-ask-where { padding-left: 24px; font-size: 12px; overflow-wrap: anywhere; }
.nfv-ask-keys { padding-left: 24px; font-size: 12px; }
.nfv-ask:not(:focus-within) > .nfv-ask-keys { display: none; }
.nfv-ask-keys > kbd { padding: 0 4px; border: 1px solid var(--nf-line); border-radius: 3px; font-family: var(--jp-code-font-family, monospace); font-size: 11px; }
.nfv-ask-list { flex: 1 1 100%; margin: 0; padding-left: 20px; max-height: 220px; overflow: auto; overflow-wrap: anywhere; }
.nfv-ask-whole { padding-left: 24px; min-width: 0; }
.nfv-ask-summary { color: var(--nf-dim); cursor: pointer; width: fit-content; }
.nfv .nfv-ask-text { margin: 4px 0; padding: 4px 8px; max-height: 220px; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere; border-left: 3px solid var(--nf-ask); color: var(--nf-fg); background: var(--nf-bg); font-family: var(--jp-code-font-family, monospace); font-size: 12px; }
.nfv-ask-row { display: flex; flex-wrap: wrap; gap: 6px; padding-left: 24px; }

.nfv-tools { display: flex; flex-wrap: wrap; gap: 4px 8px; align-items: center; padding: 4px 8px; border-top: 1px solid var(--nf-line); }
.nfv-search { flex: 1 1 140px; max-width: 300px; }
.nfv-filters { display: flex; flex-wrap: wrap; gap: 2px; }
.nfv-filter { font: inherit; font-size: 12px; line-height: 18px; padding: 1px 7px; border: 1px solid transparent; border-radius: 10px; background: none; color: var(--nf-fg1); cursor: pointer; white-space: nowrap; }
.nfv-filter:hover { background: var(--nf-bg2); }
.nfv-filter[aria-pressed="true"] { border-color: var(--nf-focus); background: var(--nf-tint); color: var(--nf-fg); }
.nfv-found { margin-left: auto; font-size: 12px; }

.nfv-tree { position: relative; overflow: auto; overscroll-behavior: contain; border-top: 1px solid var(--nf-line); outline-offset: -2px; contain: strict; }
.nfv-columns, .nfv-row { display: grid; grid-template-columns: minmax(0, 1fr) ${COLUMNS}; align-items: center; }
.nfv-columns { position: sticky; top: 0; z-index: 1; height: 22px; background: var(--nf-bg); border-bottom: 1px solid var(--nf-line); font-size: 11px; color: var(--nf-dim); }
.nfv-columns > :first-child { padding-left: 10px; }
.nfv-columns > :nth-child(n+3), .nfv-row > :nth-child(n+3) { text-align: right; padding-right: 10px; }
.nfv-rows { position: relative; }
.nfv-row { position: absolute; left: 0; right: 0; height: var(--nf-row); cursor: default; white-space: nowrap; contain: layout style; }
.nfv-row:hover { background: var(--nf-bg2); }
.nfv-row[aria-selected="true"] { background: var(--nf-tint); }
.nfv-row[aria-selected="true"]::before { content: ""; position: absolute; left: 0; top: 0; bottom: 0; width: 3px; background: var(--nf-focus); }
.nfv-tree:focus-visible .nfv-row.is-active { outline: 2px solid var(--nf-focus); outline-offset: -2px; }
.nfv-name { display: flex; align-items: center; min-width: 0; gap: 5px; padding-right: 10px; padding-left: calc(6px + var(--nf-in, 0) * ${look.STEP}px); }
.nfv-fold { flex: none; width: 12px; text-align: center; color: var(--nf-dim); font-size: 10px; cursor: pointer; line-height: var(--nf-row); }
.nfv-shape { flex: none; width: 12px; text-align: center; }
.nfv-fn { flex: none; max-width: 70%; color: var(--nf-fg); overflow: hidden; text-overflow: ellipsis; }
.nfv-row.is-agent .nfv-fn { font-weight: 600; }
.nfv-label { flex: 0 100 auto; min-width: 0; overflow: hidden; text-overflow: ellipsis; color: var(--nf-dim); font-family: var(--jp-code-font-family, monospace); font-size: 12px; }
.nfv-mark { flex: none; color: var(--nf-dim); font-size: 12px; }
.nfv-say { flex: 1 1000 0; min-width: 0; overflow: hidden; text-overflow: ellipsis; color: var(--nf-fg1); font-size: 12px; }
.nfv-row.is-above .nfv-fn, .nfv-row.is-above .nfv-label, .nfv-row.is-above > span { color: var(--nf-dim); font-weight: 400; }
.nfv-state { overflow: hidden; text-overflow: ellipsis; }
.nfv [data-state="1"] .nfv-shape, .nfv [data-state="1"] .nfv-state { color: var(--nf-run); }
.nfv [data-state="2"] .nfv-shape { color: var(--nf-ok); }
.nfv [data-state="3"] .nfv-shape, .nfv [data-state="3"] .nfv-state { color: var(--nf-bad); }
.nfv .is-asking .nfv-shape, .nfv .is-asking .nfv-state { color: var(--nf-ask); font-weight: 600; }
.nfv-count { font-size: 11px; color: var(--nf-dim); flex: none; }

.nfv-details { border-top: 1px solid var(--nf-line); }
.nfv-details-title { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 10px; padding: 5px 8px 2px 10px; }
.nfv-details-head { font-weight: 600; color: var(--nf-fg); overflow-wrap: anywhere; }
.nfv-facts { flex: 1 1 auto; font-size: 12px; }
.nfv-tabs { display: flex; flex-wrap: wrap; padding: 0 6px; border-bottom: 1px solid var(--nf-line); }
.nfv-tab { font: inherit; font-size: 12px; padding: 3px 8px 2px; border: 0; border-bottom: 2px solid transparent; background: none; color: var(--nf-fg1); cursor: pointer; }
.nfv-tab:hover { color: var(--nf-fg); background: var(--nf-bg2); }
.nfv-tab[aria-selected="true"] { border-bottom-color: var(--nf-focus); color: var(--nf-fg); font-weight: 600; }
.nfv-panel { max-height: 260px; min-height: 44px; overflow: auto; padding: 6px 10px; overscroll-behavior: contain; }
.nfv-empty { padding: 4px 0; }
.nfv-part { display: grid; grid-template-columns: 92px minmax(0, 1fr); gap: 2px 10px; padding: 3px 0; }
.nfv-part + .nfv-part { border-top: 1px solid var(--nf-line); }
.nfv-part-title { color: var(--nf-dim); font-size: 12px; overflow-wrap: anywhere; line-height: 18px; }
.nfv-part-title[hidden] + .nfv-part-text { grid-column: 1 / -1; }
.nfv-part-text { white-space: pre-wrap; overflow-wrap: anywhere; font-family: var(--jp-code-font-family, ui-monospace, monospace); font-size: 12px; line-height: 18px; color: var(--nf-fg); unicode-bidi: plaintext; }
.nfv-part[data-kind="model"] .nfv-part-text, .nfv-part[data-kind="user"] .nfv-part-text, .nfv-part[data-kind="note"] .nfv-part-text { font-family: inherit; font-size: 13px; }
.nfv-part[data-kind="thinking"] .nfv-part-text { font-family: inherit; font-style: italic; color: var(--nf-dim); }
.nfv-part[data-kind="error"] .nfv-part-text { color: var(--nf-bad); }
.nfv-bar { display: grid; grid-template-columns: minmax(80px, 180px) minmax(0, 1fr) 70px; gap: 10px; align-items: center; height: 20px; font-size: 12px; }
.nfv-bar-name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.nfv-bar-time { text-align: right; }
.nfv-track { background: var(--nf-bg2); border-radius: 2px; height: 10px; overflow: hidden; }
.nfv-fill { height: 100%; min-width: 2px; border-radius: 2px; background: var(--nf-edge); }
.nfv-fill[data-state="1"] { background: var(--nf-run); }
.nfv-fill[data-state="2"] { background: var(--nf-ok); }
.nfv-fill[data-state="3"] { background: var(--nf-bad); }

.nfv-foot { display: flex; flex-wrap: wrap; gap: 2px 12px; padding: 3px 10px; border-top: 1px solid var(--nf-line); font-size: 12px; }
.nfv-note[data-ok="false"] { color: var(--nf-bad); font-weight: 600; }

@container nfv (max-width: 620px) {
  .nfv-columns, .nfv-row { grid-template-columns: minmax(0, 1fr) 88px 72px 72px; }
  .nfv-columns > :nth-child(4), .nfv-row > :nth-child(4) { display: none; }
  .nfv-part { grid-template-columns: minmax(0, 1fr); }
  .nfv-bar { grid-template-columns: minmax(60px, 110px) minmax(0, 1fr) 60px; }
}
@container nfv (max-width: 400px) {
  .nfv-columns, .nfv-row { grid-template-columns: minmax(0, 1fr) 76px; }
  .nfv-columns > :nth-child(n+3), .nfv-row > :nth-child(n+3) { display: none; }
  .nfv-say { display: none; }
  .nfv-name { padding-left: calc(6px + var(--nf-in, 0) * 8px); }
  .nfv-tab { padding: 3px 5px 2px; }
}
@container nfv (max-width: 220px) {
  .nfv-columns, .nfv-row { grid-template-columns: minmax(0, 1fr); }
  .nfv-columns > :nth-child(n+2), .nfv-row > :nth-child(n+2) { display: none; }
  .nfv-label, .nfv-count { display: none; }
  .nfv-fn { flex: 0 1 auto; max-width: none; min-width: 0; }
}
@media (prefers-reduced-motion: no-preference) {
  .nfv [data-state="1"]:not(.is-asking) .nfv-shape { animation: nfv-turn 2.4s steps(8) infinite; }
  @keyframes nfv-turn { to { transform: rotate(1turn); } }
}
@media (prefers-reduced-motion: reduce) { .nfv * { transition: none !important; animation: none !important; } }
@media (forced-colors: active) { .nfv-row[aria-selected="true"] { outline: 1px solid Highlight; outline-offset: -1px; } .nfv-meter > div, .nfv-fill { forced-color-adjust: none; } }
`;

const done = new WeakSet();

/** Give a document the style of live and of finished views, once. A constructed sheet needs no leave from a page's policy. */
export function dress(element: HTMLElement): void {
  const at = element.getRootNode();
  const home = at instanceof ShadowRoot ? at : element.ownerDocument;
  if (done.has(home)) return;
  done.add(home);
  const sheet = new CSSStyleSheet();
  // With the look of what stays: a view that ends is followed by it.
  sheet.replaceSync(look.SHEET + TEXT);
  home.adoptedStyleSheets = [...home.adoptedStyleSheets, sheet];
}
