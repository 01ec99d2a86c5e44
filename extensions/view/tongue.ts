// The language of a page, and how it writes money: as the panel has said, else English and dollars.

/** As JupyterLab's bundles of translations have it: `%1` is the first of what is given. */
export interface Tongue {
  __(text: string, ...given: unknown[]): string;
  _n(one: string, many: string, count: number, ...given: unknown[]): string;
  /** In front of an amount, and the digits after the point; nothing chooses by the amount. */
  readonly money: { readonly sign: string; readonly digits: number | null };
}

// A page may hold several copies of this code: of the panel, and of each kernel's views.
const SHELF = Symbol.for("netflux_nb.tongue");
const page = globalThis as { [SHELF]?: Tongue | undefined };

export function speak(tongue: Tongue | undefined): void {
  page[SHELF] = tongue;
}

export function __(text: string, ...given: unknown[]): string {
  return page[SHELF]?.__(text, ...given) ?? filled(text, given);
}

export function _n(one: string, many: string, count: number, ...given: unknown[]): string {
  const known = page[SHELF]?._n(one, many, count, ...given);
  return known ?? filled(count === 1 ? one : many, given);
}

/** An amount; `auto` are the digits that it needs. */
export function amount(usd: number, auto: number): string {
  const { sign, digits } = page[SHELF]?.money ?? { sign: "$", digits: null };
  return `${sign}${usd.toFixed(digits ?? auto)}`;
}

function filled(text: string, given: readonly unknown[]): string {
  return text.replace(/%(\d)/g, (_, place: string) => String(given[Number(place) - 1]));
}
