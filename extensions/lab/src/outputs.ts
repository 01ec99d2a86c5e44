// An output that holds a live view, and the same without it.

import type { IOutput } from "@jupyterlab/nbformat";

export const WIDGET = "application/vnd.jupyter.widget-view+json";

/** The run of an output that holds a live view; nothing where it holds none. */
export function runOf(output: IOutput): string {
  const given = output as Record<string, Record<string, unknown> | undefined>;
  const isLive = given["data"] !== undefined && WIDGET in given["data"];
  const own = given["metadata"]?.["netflux_nb"] as Record<string, unknown> | undefined;
  return isLive && typeof own?.["run"] === "string" ? own["run"] : "";
}

/** An output without its live view: with this HTML, or with what it has beside it. */
export function settled(output: IOutput, html: string, note: string): IOutput {
  const data = { ...(output["data"] as Record<string, unknown>) };
  Reflect.deleteProperty(data, WIDGET);
  if (html !== "") data["text/html"] = html;
  else if (note !== "") {
    const kept = typeof data["text/html"] === "string" ? data["text/html"] : "";
    data["text/html"] = `${kept}<p><em>${escaped(note)}</em></p>`;
  }
  return { ...output, data } as IOutput;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
