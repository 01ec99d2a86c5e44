// Our cells in the editor: prompts as prose, SQL as SQL, placeholders as what they are.

import { Prec, RangeSetBuilder } from "@codemirror/state";
import {
  Decoration,
  type DecorationSet,
  type EditorView,
  ViewPlugin,
  type ViewUpdate,
} from "@codemirror/view";
import { type Span, spans } from "./prompts.js";
import type { Words } from "./words.js";

export function highlight(trans: Words) {
  const marks = new Map<string, Decoration>();

  function markOf(span: Span): Decoration {
    const key = `${span.kind} ${span.hint ?? ""}`;
    let mark = marks.get(key);
    if (mark === undefined) {
      const group = "keyword string number comment".includes(span.kind) ? " nfx-sql" : "";
      const spec: { class: string; attributes?: { title: string } } = {
        class: `nfx-${span.kind}${group}`,
      };
      if (span.kind === "unknown") {
        const title =
          span.hint === undefined || span.hint === ""
            ? trans.__("This is no argument: the signature declares none.")
            : trans.__("This is no argument. There is: %1.", span.hint);
        spec.attributes = { title };
      }
      mark = Decoration.mark(spec);
      marks.set(key, mark);
    }
    return mark;
  }

  function build(view: EditorView): DecorationSet {
    const made = new RangeSetBuilder<Decoration>();
    const { doc } = view.state;
    // Most cells are none of ours: their text is not copied.
    if (doc.lines === 0 || !/^\s*%%/.test(doc.line(1).text)) return made.finish();
    for (const span of spans(doc.toString())) {
      if (span.to > span.from) made.add(span.from, span.to, markOf(span));
    }
    return made.finish();
  }

  return Prec.lowest(
    ViewPlugin.fromClass(
      class {
        decorations: DecorationSet;

        constructor(view: EditorView) {
          this.decorations = build(view);
        }

        update(update: ViewUpdate): void {
          if (update.docChanged) this.decorations = build(update.view);
        }
      },
      { decorations: (plugin) => plugin.decorations },
    ),
  );
}
