// Folds of a page, opened and closed all at once; failures alone.

// More are opened in steps: a page that does not answer looks broken.
const AT_ONCE = 400;

let going = 0;

/** Open or close all folds; what is hidden on purpose stays as it is. */
export function setAll(folds: readonly HTMLDetailsElement[], open: boolean): void {
  going++;
  const mine = going;
  const left = folds.filter((one) => one.open !== open && one.closest(".off") === null);
  const some = (): void => {
    if (mine !== going) return; // somebody wants it otherwise by now
    for (const one of left.splice(0, AT_ONCE)) one.open = open;
    if (left.length > 0) requestAnimationFrame(some);
  };
  some();
}

/** Hide what did not fail and leads to nothing that did, or show it again; give how many failed. */
export function onlyFailures(tree: Element | null, talks: Element | null, isOn: boolean): number {
  for (const one of document.querySelectorAll(".off")) one.classList.remove("off");
  const shapes = tree?.querySelectorAll("td > b.e, td > b.a") ?? [];
  if (!isOn) return shapes.length;
  const kept = new Set<Element>();
  for (const shape of shapes) {
    for (let at: Element | null = shape; at !== null && !kept.has(at); at = at.parentElement) {
      kept.add(at);
      if (at instanceof HTMLDetailsElement) at.open = true;
      // Its title leads to it.
      const title = at instanceof HTMLDetailsElement ? at.querySelector("summary") : null;
      title?.querySelectorAll("tr").forEach((row) => kept.add(row));
    }
  }
  for (const one of tree?.querySelectorAll("details.f, tfoot tr") ?? []) {
    const isRow = one.closest("table")?.closest("details:not(.f)") === null;
    if (isRow && !kept.has(one)) one.classList.add("off");
  }
  for (const one of talks?.querySelectorAll(".nf1 > details") ?? []) {
    if (one.querySelector("summary > b.e, summary > b.a") === null) one.classList.add("off");
  }
  return shapes.length;
}
