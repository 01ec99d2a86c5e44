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

/** Code that runs these again; it may pay, and so a person runs it. */
export function rerunOf(rows: readonly Row[]): string {
  const head = "from netflux_nb import runs\n\n# Only calls that are otherwise by now are live.\n";
  const [first] = rows;
  if (rows.length === 1 && first !== undefined) {
    return `${head}rerun = runs[${quoted(first.id)}].rerun()`;
  }
  const names = rows.map((row) => `    ${quoted(row.id)},\n`).join("");
  return `${head}reruns = [runs[name].rerun() for name in [\n${names}]]`;
}
