"use strict";(self.rspackChunknetflux_lab=self.rspackChunknetflux_lab||[]).push([[232],{475(o,n,r){var t=r(601),e=r.n(t),a=r(314),i=(r.n(a))()(e());i.push([o.id,`/* The panel in the colours of JupyterLab's theme. A state has a shape and a word beside its colour. */

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

.nfx-bar {
  display: flex;
  flex-wrap: wrap;
  gap: 4px;
  padding: 8px;
  border-bottom: 1px solid var(--nfx-line);
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
  flex: 1 1 96px;
}

.nfx-filter {
  flex: 1 1 120px;
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

.nfx-answers .nfx-button {
  max-width: 100%;
  overflow: hidden;
  text-overflow: ellipsis;
}

.nfx-note {
  margin: 6px 0 0;
  color: var(--nfx-bad);
  overflow-wrap: anywhere;
}

/* The list. */

.nfx-list {
  --nfx-row: 46px;
  position: relative;
  flex: 1 1 0;
  min-height: 92px;
  overflow: auto;
  overscroll-behavior: contain;
  contain: strict;
  container-type: inline-size;
  outline-offset: -2px;
}

.nfx-list:focus-visible {
  outline: none;
}

.nfx-tall {
  position: relative;
}

.nfx-run {
  position: absolute;
  left: 0;
  right: 0;
  box-sizing: border-box;
  display: grid;
  grid-template: auto auto / 18px minmax(0, 1fr);
  align-content: center;
  column-gap: 4px;
  height: var(--nfx-row);
  padding: 2px 8px 2px 6px;
  border-bottom: 1px solid color-mix(in srgb, var(--nfx-line) 60%, transparent);
  white-space: nowrap;
  user-select: none;
  cursor: default;
  contain: layout style;
}

.nfx-line {
  display: flex;
  grid-column: 2;
  gap: 6px;
  align-items: baseline;
  min-width: 0;
}

.nfx-line > span {
  overflow: hidden;
  text-overflow: ellipsis;
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

.nfx-run > .nfx-shape {
  grid-row: 1;
}

.nfx-shape {
  text-align: center;
  color: var(--nfx-dim);
}

.nfx-fn {
  flex: 1 1 0;
  min-width: 40%;
  color: var(--jp-ui-font-color0);
  font-weight: 600;
}

.nfx-state {
  flex: 0 1 auto;
  min-width: 0;
  color: var(--nfx-dim);
  font-size: 12px;
}

.nfx-taken {
  flex: 1 1 0;
  min-width: 0;
  color: var(--nfx-dim);
  font-size: 12px;
  font-variant-numeric: tabular-nums;
}

.nfx-money,
.nfx-when {
  flex: none;
  font-size: 12px;
  font-variant-numeric: tabular-nums;
}

.nfx-money {
  color: var(--jp-ui-font-color0);
}

/* Newest first says most of it: the moment is for who makes the panel wider. */
.nfx-when {
  display: none;
  color: var(--nfx-dim);
}

@container (min-width: 320px) {
  .nfx-when {
    display: block;
  }
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
`,""]),r.d(n,{},{A:i})},314(o){o.exports=function(o){var n=[];return n.toString=function(){return this.map(function(n){var r="",t=void 0!==n[5];return n[4]&&(r+="@supports (".concat(n[4],") {")),n[2]&&(r+="@media ".concat(n[2]," {")),t&&(r+="@layer".concat(n[5].length>0?" ".concat(n[5]):""," {")),r+=o(n),t&&(r+="}"),n[2]&&(r+="}"),n[4]&&(r+="}"),r}).join("")},n.i=function(o,r,t,e,a){"string"==typeof o&&(o=[[null,o,void 0]]);var i={};if(t)for(var l=0;l<this.length;l++){var f=this[l][0];null!=f&&(i[f]=!0)}for(var p=0;p<o.length;p++){var c=[].concat(o[p]);t&&i[c[0]]||(void 0!==a&&(void 0===c[5]||(c[1]="@layer".concat(c[5].length>0?" ".concat(c[5]):""," {").concat(c[1],"}")),c[5]=a),r&&(c[2]&&(c[1]="@media ".concat(c[2]," {").concat(c[1],"}")),c[2]=r),e&&(c[4]?(c[1]="@supports (".concat(c[4],") {").concat(c[1],"}"),c[4]=e):c[4]="".concat(e)),n.push(c))}},n}},601(o){o.exports=function(o){return o[1]}},72(o){var n=[];function r(o){for(var r=-1,t=0;t<n.length;t++)if(n[t].identifier===o){r=t;break}return r}function t(o,t){for(var e={},a=[],i=0;i<o.length;i++){var l=o[i],f=t.base?l[0]+t.base:l[0],p=e[f]||0,c="".concat(f," ").concat(p);e[f]=p+1;var s=r(c),x={css:l[1],media:l[2],sourceMap:l[3],supports:l[4],layer:l[5]};if(-1!==s)n[s].references++,n[s].updater(x);else{var d=function(o,n){var r=n.domAPI(n);return r.update(o),function(n){n?(n.css!==o.css||n.media!==o.media||n.sourceMap!==o.sourceMap||n.supports!==o.supports||n.layer!==o.layer)&&r.update(o=n):r.remove()}}(x,t);t.byIndex=i,n.splice(i,0,{identifier:c,updater:d,references:1})}a.push(c)}return a}o.exports=function(o,e){var a=t(o=o||[],e=e||{});return function(o){o=o||[];for(var i=0;i<a.length;i++){var l=r(a[i]);n[l].references--}for(var f=t(o,e),p=0;p<a.length;p++){var c=r(a[p]);0===n[c].references&&(n[c].updater(),n.splice(c,1))}a=f}}},659(o){var n={};o.exports=function(o,r){var t=function(o){if(void 0===n[o]){var r=document.querySelector(o);if(window.HTMLIFrameElement&&r instanceof window.HTMLIFrameElement)try{r=r.contentDocument.head}catch(o){r=null}n[o]=r}return n[o]}(o);if(!t)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");t.appendChild(r)}},540(o){o.exports=function(o){var n=document.createElement("style");return o.setAttributes(n,o.attributes),o.insert(n,o.options),n}},56(o,n,r){o.exports=function(o){var n=r.nc;n&&o.setAttribute("nonce",n)}},825(o){o.exports=function(o){if("u"<typeof document)return{update:function(){},remove:function(){}};var n=o.insertStyleElement(o);return{update:function(r){var t,e,a;t="",r.supports&&(t+="@supports (".concat(r.supports,") {")),r.media&&(t+="@media ".concat(r.media," {")),(e=void 0!==r.layer)&&(t+="@layer".concat(r.layer.length>0?" ".concat(r.layer):""," {")),t+=r.css,e&&(t+="}"),r.media&&(t+="}"),r.supports&&(t+="}"),(a=r.sourceMap)&&"u">typeof btoa&&(t+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(a))))," */")),o.styleTagTransform(t,n,o.options)},remove:function(){var o;null===(o=n).parentNode||o.parentNode.removeChild(o)}}}},113(o){o.exports=function(o,n){if(n.styleSheet)n.styleSheet.cssText=o;else{for(;n.firstChild;)n.removeChild(n.firstChild);n.appendChild(document.createTextNode(o))}}},579(o,n,r){var t=r(72),e=r.n(t),a=r(825),i=r.n(a),l=r(659),f=r.n(l),p=r(56),c=r.n(p),s=r(540),x=r.n(s),d=r(113),u=r.n(d),m=r(475),v={};v.styleTagTransform=u(),v.setAttributes=c(),v.insert=f().bind(null,"head"),v.domAPI=i(),v.insertStyleElement=x(),e()(m.A,v),m.A&&m.A.locals&&m.A.locals}}]);