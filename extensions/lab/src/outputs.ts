// An output that holds a live view, and the same without it.

import type { IOutput } from "@jupyterlab/nbformat";
import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";

export const WIDGET = "application/vnd.jupyter.widget-view+json";

/** The run of an output of ours; nothing where it is none. */
export function ownRun(output: IOutput | IRenderMime.IMimeModel): string {
  const run = own(output)?.["run"];
  return typeof run === "string" ? run : "";
}

/** True for a view that was opened, or plays: the end of its run does not end it. */
export function stays(output: IOutput): boolean {
  return own(output)?.["stays"] === true;
}

function own(output: IOutput | IRenderMime.IMimeModel): Record<string, unknown> | undefined {
  const metadata = output["metadata"] as Record<string, unknown> | undefined;
  return metadata?.["netflux_nb"] as Record<string, unknown> | undefined;
}

/** The run of an output that holds a live view; nothing where it holds none. */
export function runOf(output: IOutput): string {
  const data = output["data"] as Record<string, unknown> | undefined;
  return data !== undefined && WIDGET in data ? ownRun(output) : "";
}

/** An output without its live view: with this HTML, or what it has beside it; then a note. */
export function settled(output: IOutput, html: string, note: string): IOutput {
  const data = { ...(output["data"] as Record<string, unknown>) };
  Reflect.deleteProperty(data, WIDGET);
  if (html !== "") data["text/html"] = html;
  if (note !== "") {
    const kept = typeof data["text/html"] === "string" ? data["text/html"] : "";
    data["text/html"] = `${kept}<p><em>${escaped(note)}</em></p>`;
  }
  return { ...output, data } as IOutput;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
