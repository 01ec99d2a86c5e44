"""Every view in every form beside each other, as one page: `make gallery`, then look at it.

With `python tests/show/gallery.py FOLDER` the page is written there.
"""

import json
import re
import sys
from html import escape
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

import mistune
import stories
from show import samples, samples_beside

from netflux_nb import agent, function
from netflux_nb.compare.diff import Side, diff
from netflux_nb.jupyter.live.widgets import built
from netflux_nb.show import cards, diffs, ledgers, timelines, transcripts, trees, usages, why
from netflux_nb.show.exported import html_file
from netflux_nb.show.parts import look, tables
from netflux_nb.show.parts.html import message

_PAGE = """
:root { color-scheme: light dark; }
body { margin: 0 auto; padding: 16px; max-width: 1132px; font: 14px/1.5 system-ui, sans-serif;
  background: light-dark(#fff, #111); color: light-dark(#222, #e8e8e8); }
h1 { font-size: 20px; } h2 { font-size: 16px; margin: 32px 0 4px; }
h3 { font-size: 13px; margin: 16px 0 2px; font-weight: 400; }
.marked { overflow-x: auto; font-size: 13px; }
.marked :is(td, th) { border: 1px solid light-dark(#ccc, #444); padding: 2px 8px; text-align: left; }
.marked table { border-collapse: collapse; } .marked pre { font-size: 12px; }
.marked blockquote { border-left: 3px solid light-dark(#ccc, #444); margin: 4px 0; padding: 0 10px; }
.text { font: 12px/1.4 ui-monospace, monospace; white-space: pre; overflow-x: auto; }
"""


_LIVE = """
const made = URL.createObjectURL(new Blob([CODE], {type: "text/javascript"}));
const {store, render} = await import(made);
for (const [name, messages] of Object.entries(TOLD)) {
  const link = {
    send: (command) => (globalThis.sent ??= []).push(command),
    listen: (tell) => { for (const one of messages) tell(one); return () => undefined; },
  };
  render(store(link), document.querySelector(`#${name} > div`), 12);
}
document.documentElement.dataset.ready = "yes";
"""


@function
def order_lookup(id: int) -> str:
    """Look an order up."""
    return f"order {id}"


@function(needs_approval=True, effect="shop")
def publish(title: str) -> str:
    """Write the reviews into the shop's table."""
    return title


def views():
    """Give every view that is static, by its name, of the same made-up run."""
    run = samples.run()
    reply = run.children[3].children[2]
    other = samples.run(sorry=True)
    asks = agent(
        "reply(text: str, tone: str = 'plain')",
        "You are a shop assistant.\n---\nReply in a {tone} tone:\n{text}",
        uses=[order_lookup],
        model="scripted",
    )
    name = "20261130-161225443-324ef671-1.3"
    return {
        "tree": trees.tree(run, run=name),
        "fork": trees.tree(samples.forked(), run="20261201-090000000-5a1c22d0-1.9"),
        "why": why.why(run),
        "transcript": transcripts.transcript(reply, system="You are a polite shop assistant."),
        "timeline": timelines.timeline(run),
        "usage": usages.usage(run),
        "diff": diffs.shown(diff(Side(run, "before"), Side(other, "after"))),
        "card": cards.card(asks, notes=["changed since the last run: prompt"]),
        "table": tables.table(
            [["Paris", 1889, "A tower of iron."], ["東京", 1958, "Red and white."]],
            ["place", tables.Column("year", is_number=True), "what"],
            title="2 towers",
        ),
        "approval": cards.card(publish),
        "asking": trees.tree(samples_beside.asking().fold.view(1), run=name),
        "questions": samples_beside.questions().shown,
        "ledger": ledgers.ledger(samples_beside.account(), run, run=name),
        **samples_beside.charts(),
        **samples_beside.states(),
        **samples_beside.audits(),
        "empty": tables.table([], ["run"], title="There is no run yet. `f.start(…)` begins one."),
        "message": message("Nothing waits for you."),
    }


def live():
    """Give what live views are told, by name; of the others there is none that lives."""
    told = {
        "asks": samples_beside.asking(),
        "begun": samples_beside.begun(),
        "ended": samples_beside.ended(),
        "again": stories.again(),
    }
    return {name: story.messages for name, story in told.items()}


def inline(html):
    """Give HTML as a notebook that is not trusted keeps it: without a sheet."""
    return re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)


def stripped(html):
    """Give HTML as a code host keeps it: without any style."""
    return re.sub(r'\s(style|class)=("[^"]*"|[^\s>]+)', "", inline(html))


FORMS = {
    "with the sheet": str,
    "without a sheet": inline,
    "without any style": stripped,
    "as text": None,
    "as Markdown": None,
}


def _as_text(shown):
    return f"<div class=text tabindex=0>{escape(str(shown)[:6_000])}</div>"


def _as_markdown(shown):
    """Give Markdown as a code host shows it."""
    read = mistune.create_markdown(escape=False, plugins=["table", "url", "strikethrough"])
    return f"<div class=marked tabindex=0>{read(shown.markdown)}</div>"


_DRAWN = {"as text": _as_text, "as Markdown": _as_markdown}


def _head(form):
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'>"
        f"<title>{form}</title><style>{look.pressed(_PAGE)}</style><main><h1>Views, {form}</h1>"
    )


def page_of_live():
    """Give the views that live as a page, told by nobody but the page itself."""
    told = live()
    parts = [f"<section id={name}><h2>{name}</h2><div></div></section>" for name in told]
    given = {"CODE": built("run.js"), "TOLD": told}
    data = "".join(
        f"const {name} = {json.dumps(value).replace('<', chr(92) + 'u003c')};"
        for name, value in given.items()
    )
    return f"{_head('live')}{''.join(parts)}</main><script type=module>{data}{_LIVE}</script>"


def page(form):
    """Give all views in one form as a page without script."""
    cut = FORMS[form]
    parts = [_head(form)]
    for name, shown in views().items():
        drawn = cut(shown.html) if cut is not None else _DRAWN[form](shown)
        parts.append(f"<section id={name.replace(' ', '-')}><h2>{name}</h2>{drawn}</section>")
    return "".join([*parts, "</main>"])


def main():
    """Write the gallery, and the page of a run beside it."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/gallery")
    folder.mkdir(parents=True, exist_ok=True)
    made = {form: page(form) for form in FORMS}
    made["live"] = page_of_live()
    made["page of a run"] = html_file.page(samples.run(), run="a run")
    for form, html in made.items():
        path = folder / f"{form.replace(' ', '_')}.html"
        path.write_text(html, encoding="utf-8")
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
