// The sign of our panel: a root and what it calls.

import { LabIcon } from "@jupyterlab/ui-components";

const SVG = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <g class="jp-icon3" fill="#616161">
    <circle cx="5" cy="12" r="3"/><circle cx="18.5" cy="4.5" r="2.5"/>
    <circle cx="18.5" cy="12" r="2.5"/><circle cx="18.5" cy="19.5" r="2.5"/>
    <path d="M7 11h9v2H7zM11 4h5v1.6h-3.4v12.8H16V20h-5z"/>
  </g>
</svg>`;

export const runsIcon = new LabIcon({ name: "netflux-lab:runs", svgstr: SVG });
