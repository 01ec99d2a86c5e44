"use strict";(self.rspackChunknetflux_lab=self.rspackChunknetflux_lab||[]).push([[232],{475(n,o,r){var e=r(601),t=r.n(e),a=r(314),i=(r.n(a))()(t());i.push([n.id,`/* The panel in the colours of JupyterLab's theme. A state has a shape and a word beside its colour. */

.nfx-panel,
.nfx-runcell,
.nfx-runtab {
  --nfx-fg: var(--jp-ui-font-color1);
  --nfx-dim: var(--jp-ui-font-color2);
  --nfx-line: var(--jp-border-color2);
  --nfx-ask: color-mix(in srgb, var(--jp-warn-color1) 60%, var(--jp-ui-font-color0));
  --nfx-bad: color-mix(in srgb, var(--jp-error-color1) 78%, var(--jp-ui-font-color0));
  --nfx-good: color-mix(in srgb, var(--jp-success-color1) 72%, var(--jp-ui-font-color0));
  --nfx-run: color-mix(in srgb, var(--jp-brand-color1) 78%, var(--jp-ui-font-color0));
  background: var(--jp-layout-color1);
  color: var(--nfx-fg);
  font-size: var(--jp-ui-font-size1);
  line-height: 1.35;
}

.nfx-panel {
  display: flex;
  flex-direction: column;
  min-width: 200px !important;
}

.nfx-panel [hidden],
.nfx-runcell [hidden],
.nfx-runtab [hidden] {
  display: none !important;
}

.nfx-top-bar {
  flex: none;
  padding: 8px;
  border-bottom: 1px solid var(--nfx-line);
}

.nfx-top-bar {
  container-type: inline-size;
}

.nfx-top-bar > .nfx-bar {
  flex-wrap: nowrap;
}

/* A search that cannot be read has a line of its own. */
@container (max-width: 330px) {
  .nfx-top-bar > .nfx-bar {
    flex-wrap: wrap;
  }

  .nfx-top-bar > .nfx-bar > .nfx-search {
    flex: 1 1 100%;
  }
}

.nfx-bar,
.nfx-filters,
.nfx-days,
.nfx-order {
  display: flex;
  flex-wrap: wrap;
  gap: 4px;
  align-items: center;
}

.nfx-filters {
  padding-top: 6px;
}

.nfx-order {
  flex-wrap: nowrap;
}

.nfx-days,
.nfx-order {
  flex: 1 1 220px;
  min-width: 0;
  color: var(--nfx-dim);
  white-space: nowrap;
}

.nfx-days > .nfx-input,
.nfx-order > select {
  flex: 1 1 0;
  min-width: 0;
}

.nfx-columns {
  display: flex;
  flex: 1 1 100%;
  flex-wrap: wrap;
  gap: 2px 10px;
  min-width: 0;
  margin: 0;
  padding: 2px 8px 4px;
  border: 1px solid var(--nfx-line);
  border-radius: 3px;
}

.nfx-columns > legend {
  padding: 0 4px;
  color: var(--nfx-dim);
}

.nfx-columns > label {
  display: flex;
  gap: 3px;
  align-items: center;
  min-height: 24px;
}

.nfx-icon {
  min-width: 26px;
  padding: 1px 5px;
}

.nfx-icon.nfx-narrowed {
  border-color: var(--jp-brand-color1);
  box-shadow: inset 0 -2px 0 var(--jp-brand-color1);
}

.nfx-keys {
  width: 100%;
  margin-bottom: 10px;
  border-spacing: 0;
}

.nfx-keys caption {
  padding: 4px 0;
  font-weight: 600;
  text-align: left;
}

.nfx-keys th {
  width: 40%;
  padding: 1px 12px 1px 0;
  font-weight: normal;
  text-align: left;
  vertical-align: top;
}

.nfx-input,
.nfx-filter {
  box-sizing: border-box;
  min-width: 0;
  height: 26px;
  padding: 0 6px;
  border: 1px solid var(--jp-border-color1);
  border-radius: 3px;
  background: var(--jp-layout-color0);
  color: var(--jp-ui-font-color0);
  font: inherit;
}

.nfx-search {
  flex: 2 1 80px;
}

.nfx-filter {
  flex: 1 1 90px;
}

.nfx-input:focus-visible,
.nfx-filter:focus-visible,
.nfx-button:focus-visible,
.nfx-status-button:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: 0;
}

.nfx-button {
  min-height: 24px;
  padding: 1px 9px;
  border: 1px solid var(--jp-border-color1);
  border-radius: 3px;
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color0);
  font: inherit;
  cursor: pointer;
}

.nfx-button:hover {
  background: var(--jp-layout-color2);
}

.nfx-button[aria-disabled="true"] {
  opacity: 0.55;
  cursor: default;
}

.nfx-button.nfx-yes {
  border-color: var(--nfx-good);
}

.nfx-button.nfx-no {
  border-color: var(--nfx-bad);
}

/* What waits. */

.nfx-pending {
  flex: 0 1 auto;
  max-height: 45%;
  overflow: auto;
  padding: 0 8px 8px;
  border-bottom: 1px solid var(--nfx-line);
  background: color-mix(in srgb, var(--jp-warn-color1) 8%, var(--jp-layout-color1));
}

.nfx-pending.lm-mod-hidden {
  display: none;
}

.nfx-heading {
  margin: 8px 0 4px;
  font-size: var(--jp-ui-font-size1);
  font-weight: 600;
}

.nfx-question {
  display: flex;
  flex-direction: column;
  gap: 5px;
  padding: 7px 8px;
  margin-top: 5px;
  border: 1px solid var(--nfx-line);
  border-left: 3px solid var(--nfx-ask);
  border-radius: 3px;
  background: var(--jp-layout-color0);
}

.nfx-asked {
  max-height: 16em;
  overflow: auto;
  overflow-wrap: anywhere;
}

.nfx-all > summary {
  color: var(--nfx-dim);
  cursor: pointer;
  width: fit-content;
}

.nfx-whole {
  max-height: 16em;
  margin: 4px 0;
  padding: 4px 8px;
  overflow: auto;
  border-left: 3px solid var(--nfx-ask);
  white-space: pre-wrap;
  overflow-wrap: anywhere;
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-code-font-size);
}

.nfx-inputs {
  max-height: 5.5em;
  overflow: auto;
  color: var(--nfx-dim);
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-code-font-size);
  overflow-wrap: anywhere;
}

.nfx-answers {
  display: flex;
  flex-wrap: wrap;
  gap: 5px;
}

.nfx-where,
.nfx-before,
.nfx-card-keys {
  color: var(--nfx-dim);
  font-size: 12px;
  overflow-wrap: anywhere;
}

/* Of the card that a key would answer. */
.nfx-question:not(:focus-within) > .nfx-card-keys {
  display: none;
}

.nfx-card-keys > kbd,
.nfx-keys kbd {
  padding: 0 4px;
  border: 1px solid var(--nfx-line, var(--jp-border-color2));
  border-radius: 3px;
  font-family: var(--jp-code-font-family);
  font-size: 11px;
}

.nfx-reason {
  flex: 1 1 110px;
}

.nfx-alike {
  max-height: 40vh;
  margin: 0;
  padding-left: 24px;
  overflow: auto;
  overflow-wrap: anywhere;
}

.nfx-aloud {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
}

.nfx-answers .nfx-button {
  max-width: 100%;
  overflow: hidden;
  text-overflow: ellipsis;
}

.nfx-panel > .nfx-note {
  flex: none;
  margin: 0;
  padding: 4px 10px;
}

.nfx-note {
  margin: 6px 0 0;
  color: var(--nfx-bad);
  overflow-wrap: anywhere;
}

/* The list: a table where there is room, else two lines a run. Both are the same elements. */

.nfx-list {
  --nfx-row: 46px;
  --nfx-step: 46px;
  position: relative;
  flex: 1 1 0;
  min-height: 92px;
  overflow: hidden auto;
  overscroll-behavior: contain;
  contain: strict;
  container-type: inline-size;
  outline-offset: -2px;
}

.nfx-list:focus-visible {
  outline: none;
}

/* A low window, as at 200 %: all of it scrolls, so that nothing is squeezed out of sight. */
@media (max-height: 620px) {
  .nfx-panel {
    overflow: hidden auto;
  }

  .nfx-pending {
    flex: none;
    max-height: none;
  }

  .nfx-list {
    flex: 1 0 auto;
    min-height: 184px;
  }
}

.nfx-tall {
  position: relative;
}

.nfx-top {
  position: sticky;
  top: 0;
  z-index: 1;
}

.nfx-head {
  display: none;
  border-bottom: 1px solid var(--nfx-line);
  background: var(--jp-layout-color2);
}

.nfx-run {
  position: absolute;
  left: 0;
  right: 0;
  box-sizing: border-box;
  display: grid;
  grid-template: auto auto / 18px 18px minmax(0, 1fr);
  align-content: center;
  height: var(--nfx-step);
  padding: 2px 8px 2px 6px;
  border-bottom: 1px solid color-mix(in srgb, var(--nfx-line) 60%, transparent);
  white-space: nowrap;
  user-select: none;
  cursor: default;
  contain: layout style;
}

.nfx-line {
  display: flex;
  grid-column: 3;
  gap: 8px;
  align-items: baseline;
  min-width: 0;
}

.nfx-cell {
  min-width: 0;
  overflow: hidden;
  text-overflow: ellipsis;
}

.nfx-cell:not(.nfx-what, .nfx-marks):empty {
  display: none;
}

.nfx-run:hover {
  background: var(--jp-layout-color2);
}

.nfx-run[aria-selected="true"] {
  background: color-mix(in srgb, var(--jp-brand-color1) 16%, var(--jp-layout-color1));
  box-shadow: inset 3px 0 0 var(--jp-brand-color1);
}

.nfx-list:focus-visible .nfx-run.nfx-active {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: -2px;
}

.nfx-check {
  grid-row: 1 / span 2;
  align-self: center;
  width: 11px;
  height: 11px;
  border: 1px solid var(--jp-ui-font-color2);
  border-radius: 2px;
  font-size: 10px;
  line-height: 11px;
  text-align: center;
}

.nfx-run[aria-selected="true"] > .nfx-check {
  border-color: var(--jp-ui-font-color0);
}

.nfx-run[aria-selected="true"] > .nfx-check::before {
  content: "✓";
}

.nfx-run > .nfx-shape {
  grid-row: 1;
  grid-column: 2;
}

.nfx-shape {
  text-align: center;
  color: var(--nfx-dim);
}

.nfx-what {
  flex: 1 1 0;
}

.nfx-fn {
  color: var(--jp-ui-font-color0);
  font-weight: 600;
}

.nfx-args {
  color: var(--nfx-dim);
  font-family: var(--jp-code-font-family);
  font-size: 12px;
}

.nfx-state {
  flex: 0 1 auto;
  max-width: 50%;
  color: var(--nfx-dim);
  font-size: 12px;
}

.nfx-when,
.nfx-notebook,
.nfx-time,
.nfx-tokens,
.nfx-money,
.nfx-marks {
  flex: none;
  color: var(--nfx-dim);
  font-size: 12px;
  font-variant-numeric: tabular-nums;
}

.nfx-money {
  color: var(--jp-ui-font-color0);
}

.nfx-tokens {
  flex: 0 1 auto;
}

.nfx-marks {
  order: 1;
  flex: 1 1 0;
  text-align: right;
}

.nfx-tag {
  margin-left: 5px;
  padding: 0 3px;
  border: 1px solid var(--nfx-line);
  border-radius: 3px;
  color: var(--jp-ui-font-color0);
}

.nfx-from {
  margin-left: 5px;
}

.nfx-run .nfx-notebook {
  display: none;
}

.nfx-no-state .nfx-state,
.nfx-no-when .nfx-when,
.nfx-no-notebook .nfx-notebook,
.nfx-no-time .nfx-time,
.nfx-no-tokens .nfx-tokens,
.nfx-no-money .nfx-money,
.nfx-no-marks .nfx-marks {
  display: none !important;
}

.nfx-edit {
  position: absolute;
  inset: 1px 4px 1px 40px;
  z-index: 2;
  display: flex;
}

.nfx-edit > .nfx-input {
  flex: 1;
  height: 100%;
}

/* What a run was called with tells it apart; that it succeeded its shape says, too. */
@container (max-width: 400px) {
  .nfx-run[data-state="Success"] .nfx-state {
    display: none;
  }

  .nfx-state {
    max-width: 42%;
  }
}

/* Newest first says most of it: the moment is for who makes the panel wider. */
@container (max-width: 300px) {
  .nfx-run .nfx-when {
    display: none;
  }
}

/* As in \`src/list.ts\`. */
@container (min-width: 580px) {
  .nfx-head,
  .nfx-run {
    display: grid;
    grid-template: auto / 18px 16px minmax(120px, 1.5fr) var(--nfx-columns);
    align-items: center;
    padding: 0 8px 0 6px;
    column-gap: 6px;
  }

  .nfx-head > :first-child {
    grid-column: 3;
  }

  .nfx-line {
    display: contents;
  }

  .nfx-check,
  .nfx-run > .nfx-shape {
    grid-row: 1;
  }

  .nfx-cell:not(.nfx-what, .nfx-marks, .nfx-notebook):empty {
    display: block;
  }

  .nfx-head .nfx-notebook {
    display: none;
  }

  .nfx-state {
    max-width: none;
  }

  .nfx-number {
    text-align: right;
  }

  .nfx-marks {
    order: 0;
    text-align: left;
  }

  .nfx-marks > :first-child {
    margin-left: 0;
  }

  .nfx-unit {
    display: none;
  }
}

@container (min-width: 760px) {
  .nfx-head,
  .nfx-run {
    grid-template-columns: 18px 16px minmax(150px, 1.5fr) var(--nfx-all-columns);
  }

  .nfx-head .nfx-notebook,
  .nfx-run .nfx-notebook {
    display: block;
  }
}

.nfx-sort {
  max-width: 100%;
  min-height: 24px;
  padding: 0;
  border: 0;
  overflow: hidden;
  background: none;
  color: var(--nfx-dim);
  font: inherit;
  font-size: 12px;
  font-weight: 600;
  text-overflow: ellipsis;
  white-space: nowrap;
  cursor: pointer;
}

.nfx-way {
  font-size: 8px;
}

.nfx-sort:hover,
[aria-sort="ascending"] > .nfx-sort,
[aria-sort="descending"] > .nfx-sort {
  color: var(--jp-ui-font-color0);
}

.nfx-sort:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: -2px;
}

.nfx-run[data-state="Running"] .nfx-shape {
  color: var(--nfx-run);
}

.nfx-run[data-state="Success"] .nfx-shape {
  color: var(--nfx-good);
}

.nfx-run:is([data-state="Error"], [data-state="CutOff"]) :is(.nfx-shape, .nfx-state) {
  color: var(--nfx-bad);
}

.nfx-run[data-state="Asks"] :is(.nfx-shape, .nfx-state) {
  color: var(--nfx-ask);
  font-weight: 700;
}

.nfx-empty {
  padding: 18px 14px;
  color: var(--nfx-dim);
}

.nfx-panel > .nfx-empty {
  flex: 1 1 0;
}

.nfx-empty p {
  margin: 0 0 8px;
}

.nfx-empty code {
  padding: 2px 5px;
  border-radius: 3px;
  background: var(--jp-layout-color2);
  color: var(--jp-ui-font-color0);
  font-family: var(--jp-code-font-family);
}

.nfx-actions {
  display: flex;
  flex: none;
  flex-wrap: wrap;
  gap: 4px;
  padding: 7px 8px;
  border-top: 1px solid var(--nfx-line);
}

.nfx-count {
  flex: none;
  padding: 3px 10px 5px;
  color: var(--nfx-dim);
  font-size: 12px;
}

/* The badge beside the panel's icon. */

.jp-SideBar .lm-TabBar-tab.nfx-has-pending {
  position: relative;
}

.jp-SideBar .nfx-has-pending .lm-TabBar-tabLabel {
  position: absolute;
  top: 5px;
  right: 2px;
  display: block !important;
  flex: none;
  box-sizing: border-box;
  min-width: 15px;
  height: 15px;
  padding: 0 3px;
  margin: 0;
  border-radius: 8px;
  background: var(--jp-warn-color1);
  color: #000;
  font-size: 10px;
  font-weight: 700;
  line-height: 15px;
  text-align: center;
  transform: none !important;
  writing-mode: horizontal-tb !important;
}

/* A run in its own tab. */

.nfx-runtab {
  display: flex;
  flex-direction: column;
  overflow: auto;
}

/* Below the notebook of Notebook 7, which gives no height of its own. */
.nfx-below {
  min-height: 300px !important;
}

.nfx-runtab > .nfv {
  display: flex;
  flex: 1 1 0;
  flex-direction: column;
  min-height: 0;
  border: 0;
  border-radius: 0;
}

.nfx-runtab .nfv-tree {
  flex: 1 1 0;
  height: auto !important;
  min-height: 120px;
}

/* What was used, in its own tab. */

.nfx-usage {
  overflow: auto;
  padding: 12px 18px;
  background: var(--jp-layout-color0);
  color: var(--jp-content-font-color1);
}

.nfx-usage:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: -2px;
}

.nfx-usage > .nfx-bar {
  padding-bottom: 10px;
}

.nfx-usage > .nfx-bar > .nfx-filter {
  flex: 0 1 170px;
}

.nfx-usage > .jp-RenderedHTMLCommon:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
}

.nfx-sum {
  margin: 0 0 10px;
  font-size: var(--jp-content-font-size2);
  font-weight: 600;
}

/* Above a run that nobody here can do anything to; its buttons go. */

.nfx-notice {
  flex: none;
  margin: 0;
  padding: 6px 12px;
  border-bottom: 1px solid var(--nfx-line);
  background: color-mix(in srgb, var(--jp-warn-color1) 8%, var(--jp-layout-color1));
}

.nfx-still :is(.nfv-asks, .nfv-no) {
  display: none !important;
}

/* The status bar. */

.nfx-status {
  display: flex;
  align-items: center;
}

.nfx-status-button {
  display: flex;
  gap: 5px;
  align-items: center;
  height: 100%;
  padding: 0 6px;
  border: 0;
  background: none;
  color: inherit;
  font: inherit;
  font-variant-numeric: tabular-nums;
  cursor: pointer;
}

.nfx-status-button:hover {
  background: var(--jp-layout-color3);
}

.nfx-status-button .nfx-shape {
  color: inherit;
}

.nfx-status-button[data-state="Asks"] {
  font-weight: 700;
}

/* The mark beside a cell. */

.nfx-mark {
  position: absolute;
  right: 6px;
  bottom: 3px;
  z-index: 1;
  padding: 0 5px;
  border-radius: 3px;
  background: color-mix(in srgb, var(--jp-layout-color2) 88%, transparent);
  color: var(--jp-ui-font-color2);
  font-family: var(--jp-ui-font-family);
  font-size: 11px;
  line-height: 16px;
}

.nfx-mark[data-changed="true"] {
  color: var(--jp-ui-font-color0);
  box-shadow: inset 2px 0 0 var(--jp-warn-color1);
}

/* In an active cell of one line the cell's own buttons are there. */
.jp-mod-active > .jp-Cell-inputWrapper .jp-InputArea:has(.cm-line:only-child) > .nfx-mark {
  right: 190px;
}

.jp-InputArea:has(> .nfx-mark) {
  position: relative;
}

/* Cells with our magics. The editor takes a prompt for Python: its colours go. */

.cm-editor .nfx-prompt,
.cm-editor .nfx-prompt *,
.cm-editor .nfx-doc,
.cm-editor .nfx-doc *,
.cm-editor .nfx-sql,
.cm-editor .nfx-sql * {
  color: var(--jp-content-font-color1) !important;
  font-weight: normal !important;
  font-style: normal !important;
}

.cm-editor .nfx-doc,
.cm-editor .nfx-doc * {
  color: var(--jp-mirror-editor-comment-color, #408080) !important;
  font-style: italic !important;
}

.cm-editor .nfx-hole,
.cm-editor .nfx-hole * {
  border-radius: 2px;
  background: color-mix(in srgb, var(--jp-brand-color1) 14%, transparent);
  color: color-mix(in srgb, var(--jp-brand-color1) 75%, var(--jp-content-font-color0)) !important;
  font-weight: 600 !important;
}

.cm-editor .nfx-unknown,
.cm-editor .nfx-unknown * {
  color: color-mix(in srgb, var(--jp-error-color1) 78%, var(--jp-content-font-color0)) !important;
  font-weight: 600 !important;
}

.cm-editor .nfx-unknown {
  text-decoration: underline wavy var(--jp-error-color1);
  text-underline-offset: 3px;
}

.cm-editor .nfx-rule,
.cm-editor .nfx-rule * {
  color: var(--jp-ui-font-color2) !important;
  font-weight: 700 !important;
  letter-spacing: 0.3em;
}

.cm-editor .nfx-magic,
.cm-editor .nfx-magic *,
.cm-editor .nfx-option,
.cm-editor .nfx-option * {
  color: color-mix(in srgb, var(--jp-brand-color1) 75%, var(--jp-content-font-color0)) !important;
  font-weight: 600 !important;
}

.cm-editor .nfx-name,
.cm-editor .nfx-name * {
  color: var(--jp-mirror-editor-def-color, var(--jp-content-font-color0)) !important;
  font-weight: 600 !important;
}

.cm-editor .nfx-keyword.nfx-sql,
.cm-editor .nfx-keyword.nfx-sql * {
  color: var(--jp-mirror-editor-keyword-color, #008000) !important;
  font-weight: 600 !important;
}

.cm-editor .nfx-string.nfx-sql,
.cm-editor .nfx-string.nfx-sql * {
  color: var(--jp-mirror-editor-string-color, #ba2121) !important;
}

.cm-editor .nfx-number.nfx-sql,
.cm-editor .nfx-number.nfx-sql * {
  color: var(--jp-mirror-editor-number-color, #080) !important;
}

.cm-editor .nfx-comment.nfx-sql,
.cm-editor .nfx-comment.nfx-sql * {
  color: var(--jp-mirror-editor-comment-color, #408080) !important;
  font-style: italic !important;
}

@media (prefers-contrast: more) {
  .nfx-panel,
  .nfx-runtab {
    --nfx-dim: var(--jp-ui-font-color0);
  }
}
`,""]),r.d(o,{},{A:i})},314(n){n.exports=function(n){var o=[];return o.toString=function(){return this.map(function(o){var r="",e=void 0!==o[5];return o[4]&&(r+="@supports (".concat(o[4],") {")),o[2]&&(r+="@media ".concat(o[2]," {")),e&&(r+="@layer".concat(o[5].length>0?" ".concat(o[5]):""," {")),r+=n(o),e&&(r+="}"),o[2]&&(r+="}"),o[4]&&(r+="}"),r}).join("")},o.i=function(n,r,e,t,a){"string"==typeof n&&(n=[[null,n,void 0]]);var i={};if(e)for(var f=0;f<this.length;f++){var x=this[f][0];null!=x&&(i[x]=!0)}for(var l=0;l<n.length;l++){var p=[].concat(n[l]);e&&i[p[0]]||(void 0!==a&&(void 0===p[5]||(p[1]="@layer".concat(p[5].length>0?" ".concat(p[5]):""," {").concat(p[1],"}")),p[5]=a),r&&(p[2]&&(p[1]="@media ".concat(p[2]," {").concat(p[1],"}")),p[2]=r),t&&(p[4]?(p[1]="@supports (".concat(p[4],") {").concat(p[1],"}"),p[4]=t):p[4]="".concat(t)),o.push(p))}},o}},601(n){n.exports=function(n){return n[1]}},72(n){var o=[];function r(n){for(var r=-1,e=0;e<o.length;e++)if(o[e].identifier===n){r=e;break}return r}function e(n,e){for(var t={},a=[],i=0;i<n.length;i++){var f=n[i],x=e.base?f[0]+e.base:f[0],l=t[x]||0,p="".concat(x," ").concat(l);t[x]=l+1;var s=r(p),d={css:f[1],media:f[2],sourceMap:f[3],supports:f[4],layer:f[5]};if(-1!==s)o[s].references++,o[s].updater(d);else{var c=function(n,o){var r=o.domAPI(o);return r.update(n),function(o){o?(o.css!==n.css||o.media!==n.media||o.sourceMap!==n.sourceMap||o.supports!==n.supports||o.layer!==n.layer)&&r.update(n=o):r.remove()}}(d,e);e.byIndex=i,o.splice(i,0,{identifier:p,updater:c,references:1})}a.push(p)}return a}n.exports=function(n,t){var a=e(n=n||[],t=t||{});return function(n){n=n||[];for(var i=0;i<a.length;i++){var f=r(a[i]);o[f].references--}for(var x=e(n,t),l=0;l<a.length;l++){var p=r(a[l]);0===o[p].references&&(o[p].updater(),o.splice(p,1))}a=x}}},659(n){var o={};n.exports=function(n,r){var e=function(n){if(void 0===o[n]){var r=document.querySelector(n);if(window.HTMLIFrameElement&&r instanceof window.HTMLIFrameElement)try{r=r.contentDocument.head}catch(n){r=null}o[n]=r}return o[n]}(n);if(!e)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");e.appendChild(r)}},540(n){n.exports=function(n){var o=document.createElement("style");return n.setAttributes(o,n.attributes),n.insert(o,n.options),o}},56(n,o,r){n.exports=function(n){var o=r.nc;o&&n.setAttribute("nonce",o)}},825(n){n.exports=function(n){if("u"<typeof document)return{update:function(){},remove:function(){}};var o=n.insertStyleElement(n);return{update:function(r){var e,t,a;e="",r.supports&&(e+="@supports (".concat(r.supports,") {")),r.media&&(e+="@media ".concat(r.media," {")),(t=void 0!==r.layer)&&(e+="@layer".concat(r.layer.length>0?" ".concat(r.layer):""," {")),e+=r.css,t&&(e+="}"),r.media&&(e+="}"),r.supports&&(e+="}"),(a=r.sourceMap)&&"u">typeof btoa&&(e+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(a))))," */")),n.styleTagTransform(e,o,n.options)},remove:function(){var n;null===(n=o).parentNode||n.parentNode.removeChild(n)}}}},113(n){n.exports=function(n,o){if(o.styleSheet)o.styleSheet.cssText=n;else{for(;o.firstChild;)o.removeChild(o.firstChild);o.appendChild(document.createTextNode(n))}}},579(n,o,r){var e=r(72),t=r.n(e),a=r(825),i=r.n(a),f=r(659),x=r.n(f),l=r(56),p=r.n(l),s=r(540),d=r.n(s),c=r(113),u=r.n(c),m=r(475),h={};h.styleTagTransform=u(),h.setAttributes=p(),h.insert=x().bind(null,"head"),h.domAPI=i(),h.insertStyleElement=d(),t()(m.A,h),m.A&&m.A.locals&&m.A.locals}}]);