// Where a text is found in the texts of a page. Nothing here knows a browser.

export interface Hit {
  /** Which text, and where in it. */
  readonly unit: number;
  readonly from: number;
  readonly to: number;
}

export const MOST_HITS = 10_000;

/** Small letters, each as long as what it stands for: places stay places. */
export function small(text: string): string {
  const lower = text.toLowerCase();
  if (lower.length === text.length) return lower;
  return Array.from(text, (char) => {
    const one = char.toLowerCase();
    return one.length === char.length ? one : char;
  }).join("");
}

/** Find all places of a text, in order, at most so many; what is asked for is taken as it is. */
export function hitsIn(units: readonly string[], asked: string, most = MOST_HITS): Hit[] {
  const sought = small(asked.trim());
  const found: Hit[] = [];
  if (sought === "") return found;
  for (let unit = 0; unit < units.length; unit++) {
    const text = units[unit] ?? "";
    let at = text.indexOf(sought);
    while (at >= 0) {
      found.push({ unit, from: at, to: at + sought.length });
      if (found.length >= most) return found;
      at = text.indexOf(sought, at + sought.length);
    }
  }
  return found;
}

/** The next place, around the end. */
export function step(at: number, by: 1 | -1, count: number): number {
  if (count === 0) return -1;
  if (at < 0) return by > 0 ? 0 : count - 1;
  return (at + by + count) % count;
}
