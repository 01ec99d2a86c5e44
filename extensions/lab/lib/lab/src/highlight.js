// Our cells in the editor: prompts as prose, SQL as SQL, placeholders as what they are.
import { Prec, RangeSetBuilder } from "@codemirror/state";
import { Decoration, ViewPlugin, } from "@codemirror/view";
import { spans } from "./prompts.js";
export function highlight(trans) {
    const marks = new Map();
    function markOf(span) {
        const key = `${span.kind} ${span.hint ?? ""}`;
        let mark = marks.get(key);
        if (mark === undefined) {
            const group = "keyword string number comment".includes(span.kind) ? " nfx-sql" : "";
            const spec = {
                class: `nfx-${span.kind}${group}`,
            };
            if (span.kind === "unknown") {
                const title = span.hint === undefined || span.hint === ""
                    ? trans.__("This is no argument: the signature declares none.")
                    : trans.__("This is no argument. There is: %1.", span.hint);
                spec.attributes = { title };
            }
            mark = Decoration.mark(spec);
            marks.set(key, mark);
        }
        return mark;
    }
    function build(view) {
        const made = new RangeSetBuilder();
        const { doc } = view.state;
        // Most cells are none of ours: their text is not copied.
        if (doc.lines === 0 || !/^\s*%%/.test(doc.line(1).text))
            return made.finish();
        for (const span of spans(doc.toString())) {
            if (span.to > span.from)
                made.add(span.from, span.to, markOf(span));
        }
        return made.finish();
    }
    return Prec.lowest(ViewPlugin.fromClass(class {
        decorations;
        constructor(view) {
            this.decorations = build(view);
        }
        update(update) {
            if (update.docChanged)
                this.decorations = build(update.view);
        }
    }, { decorations: (plugin) => plugin.decorations }));
}
