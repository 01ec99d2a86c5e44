"use strict";(self.rspackChunknetflux_lab=self.rspackChunknetflux_lab||[]).push([[263],{538(o,r,n){var t=n(109),e=n.n(t),a=n(754),i=n.n(a),l=n(314),p=n.n(l),f=n(717),c=n.n(f),s=n(273),x=n.n(s),d=n(270),u=n.n(d),m=n(410),v={};v.styleTagTransform=u(),v.setAttributes=c(),v.insert=p().bind(null,"head"),v.domAPI=i(),v.insertStyleElement=x(),e()(m.A,v),m.A&&m.A.locals&&m.A.locals},410(o,r,n){var t=n(492),e=n.n(t),a=n(525),i=(n.n(a))()(e());i.push([o.id,`/* The panel in the colours of JupyterLab's theme. A state has a shape and a word beside its colour. */

.nfx-panel,
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
  flex: 1 1 110px;
}

.nfx-filter {
  flex: 0 1 130px;
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

.nfx-button:disabled {
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
  overflow-wrap: anywhere;
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
  grid-template: auto auto / 20px minmax(0, 1fr) auto;
  align-content: center;
  column-gap: 4px;
  height: var(--nfx-row);
  padding: 2px 10px 2px 7px;
  border-bottom: 1px solid color-mix(in srgb, var(--nfx-line) 60%, transparent);
  white-space: nowrap;
  cursor: default;
  contain: layout style;
}

.nfx-run > span {
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

.nfx-shape {
  text-align: center;
  color: var(--nfx-dim);
}

.nfx-fn {
  color: var(--jp-ui-font-color0);
  font-weight: 600;
}

.nfx-money {
  color: var(--jp-ui-font-color0);
  font-variant-numeric: tabular-nums;
}

.nfx-about {
  grid-column: 2;
  color: var(--nfx-dim);
  font-size: 12px;
}

.nfx-when {
  color: var(--nfx-dim);
  font-size: 12px;
  text-align: right;
}

.nfx-run[data-state="Running"] .nfx-shape {
  color: var(--nfx-run);
}

.nfx-run[data-state="Success"] .nfx-shape {
  color: var(--nfx-good);
}

.nfx-run[data-state="Error"] .nfx-shape,
.nfx-run[data-state="CutOff"] .nfx-shape {
  color: var(--nfx-bad);
}

.nfx-run[data-state="Asks"] .nfx-shape {
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
`,""]),n.d(r,{},{A:i})},525(o){o.exports=function(o){var r=[];return r.toString=function(){return this.map(function(r){var n="",t=void 0!==r[5];return r[4]&&(n+="@supports (".concat(r[4],") {")),r[2]&&(n+="@media ".concat(r[2]," {")),t&&(n+="@layer".concat(r[5].length>0?" ".concat(r[5]):""," {")),n+=o(r),t&&(n+="}"),r[2]&&(n+="}"),r[4]&&(n+="}"),n}).join("")},r.i=function(o,n,t,e,a){"string"==typeof o&&(o=[[null,o,void 0]]);var i={};if(t)for(var l=0;l<this.length;l++){var p=this[l][0];null!=p&&(i[p]=!0)}for(var f=0;f<o.length;f++){var c=[].concat(o[f]);t&&i[c[0]]||(void 0!==a&&(void 0===c[5]||(c[1]="@layer".concat(c[5].length>0?" ".concat(c[5]):""," {").concat(c[1],"}")),c[5]=a),n&&(c[2]&&(c[1]="@media ".concat(c[2]," {").concat(c[1],"}")),c[2]=n),e&&(c[4]?(c[1]="@supports (".concat(c[4],") {").concat(c[1],"}"),c[4]=e):c[4]="".concat(e)),r.push(c))}},r}},492(o){o.exports=function(o){return o[1]}},109(o){var r=[];function n(o){for(var n=-1,t=0;t<r.length;t++)if(r[t].identifier===o){n=t;break}return n}function t(o,t){for(var e={},a=[],i=0;i<o.length;i++){var l=o[i],p=t.base?l[0]+t.base:l[0],f=e[p]||0,c="".concat(p," ").concat(f);e[p]=f+1;var s=n(c),x={css:l[1],media:l[2],sourceMap:l[3],supports:l[4],layer:l[5]};if(-1!==s)r[s].references++,r[s].updater(x);else{var d=function(o,r){var n=r.domAPI(r);return n.update(o),function(r){r?(r.css!==o.css||r.media!==o.media||r.sourceMap!==o.sourceMap||r.supports!==o.supports||r.layer!==o.layer)&&n.update(o=r):n.remove()}}(x,t);t.byIndex=i,r.splice(i,0,{identifier:c,updater:d,references:1})}a.push(c)}return a}o.exports=function(o,e){var a=t(o=o||[],e=e||{});return function(o){o=o||[];for(var i=0;i<a.length;i++){var l=n(a[i]);r[l].references--}for(var p=t(o,e),f=0;f<a.length;f++){var c=n(a[f]);0===r[c].references&&(r[c].updater(),r.splice(c,1))}a=p}}},314(o){var r={};o.exports=function(o,n){var t=function(o){if(void 0===r[o]){var n=document.querySelector(o);if(window.HTMLIFrameElement&&n instanceof window.HTMLIFrameElement)try{n=n.contentDocument.head}catch(o){n=null}r[o]=n}return r[o]}(o);if(!t)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");t.appendChild(n)}},273(o){o.exports=function(o){var r=document.createElement("style");return o.setAttributes(r,o.attributes),o.insert(r,o.options),r}},717(o,r,n){o.exports=function(o){var r=n.nc;r&&o.setAttribute("nonce",r)}},754(o){o.exports=function(o){if("u"<typeof document)return{update:function(){},remove:function(){}};var r=o.insertStyleElement(o);return{update:function(n){var t,e,a;t="",n.supports&&(t+="@supports (".concat(n.supports,") {")),n.media&&(t+="@media ".concat(n.media," {")),(e=void 0!==n.layer)&&(t+="@layer".concat(n.layer.length>0?" ".concat(n.layer):""," {")),t+=n.css,e&&(t+="}"),n.media&&(t+="}"),n.supports&&(t+="}"),(a=n.sourceMap)&&"u">typeof btoa&&(t+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(a))))," */")),o.styleTagTransform(t,r,o.options)},remove:function(){var o;null===(o=r).parentNode||o.parentNode.removeChild(o)}}}},270(o){o.exports=function(o,r){if(r.styleSheet)r.styleSheet.cssText=o;else{for(;r.firstChild;)r.removeChild(r.firstChild);r.appendChild(document.createTextNode(o))}}}}]);