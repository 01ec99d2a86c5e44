// Code that a cell is given.

import type { Row } from "./messages.js";

/** A run's name as Python writes it; nothing where it is no name of ours. */
export function quoted(name: string): string {
  return /^[\w.:-]{1,200}$/.test(name) ? `"${name}"` : "";
}

/** Code that shows one run. */
export function codeOf(row: Row): string {
  return `from netflux_nb import runs\n\nrun = runs[${quoted(row.id)}]\nrun.tree()`;
}
