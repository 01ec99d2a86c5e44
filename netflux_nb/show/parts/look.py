"""The look of every view: sizes, colours, shapes and words of states, and the sheet of styles.

The browser code has the same: `extensions/look.py` writes `extensions/view/look.ts` from here.

One HTML reads in three tiers. Without any style its tables still have columns and its folds
still fold. With inline styles alone, as in a notebook that is not trusted, it is set in and
coloured. With the sheet, which comes with each output and with the JupyterLab extension, it looks
as the live view does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ...core.views import NodeState

# What is drawn has its version as a class: an output that was stored keeps the sheet it was
# made for.
ROOT = "nf1"


@dataclass(frozen=True, slots=True)
class Sign:
    """A state as it is shown: never a colour alone. The letter is the class of its colour."""

    shape: str
    word: str
    letter: str


STATES: Mapping[NodeState, Sign] = {
    NodeState.Waiting: Sign("○", "Waiting", "x"),
    NodeState.Running: Sign("◐", "Running", "r"),
    NodeState.Success: Sign("●", "Success", "s"),
    NodeState.Error: Sign("✗", "Error", "e"),
    NodeState.Canceled: Sign("◌", "Canceled", "x"),
    NodeState.CutOff: Sign("◍", "Cut off", "e"),
}
# A Node that waits for a person.
ASKS = Sign("!", "asks you", "a")
# Marks behind a name: where its outcome comes from.
SERVED, FORKED, AGAIN = "»", "↱", "↻"
# Of what a person said to a call.
AGREED, REFUSED = "✓", "✗"
# Of a rule of the audit that did not hold.
BROKEN = "⚠"

# Columns of a tree beside the call, in pixels.
WIDTHS: Mapping[str, int] = {"State": 88, "Time": 72, "Tokens": 64, "Money": 72}
# A row, the step of a level, the widest view, in pixels; rows in sight at once.
ROW, STEP, WIDEST, ROWS_IN_SIGHT = 24, 14, 1100, 20
# Of a call as it stands in a row, in cells of a terminal: arguments at most, and with the result,
# which has what they leave. An error has more: it says why. A level takes two.
ARGS_CELLS, CALL_CELLS, ERROR_CELLS, LEVEL_CELLS = 34, 80, 92, 2
# A Node is open where no more stand below it, down to this level.
OPEN_LEVELS, OPEN_CHILDREN = 4, 200
# A tree of more Nodes folds what succeeded: what failed, or still goes on, stays open.
FEW_NODES = 24

# For charts: told apart on light and dark, and by those who see no red.
BLUE, AMBER, SLATE, VIOLET, GRAY = "#3b82f6", "#d97706", "#8091a7", "#7c5cbf", "#8a8a8a"
ADDED = "background-color:rgba(0,160,0,.2)"
REMOVED = "background-color:rgba(230,0,0,.2)"

# JupyterLab's colours, an editor's, or our own on a bare page. Each is mixed with the text or the
# ground, so that its contrast is at least 4.5 on light and on dark.
VARIABLES = """
--nf-fg: var(--jp-ui-font-color0, var(--vscode-foreground, light-dark(#000, #fff)));
--nf-bg: var(--jp-layout-color0, var(--vscode-editor-background, light-dark(#fff, #111)));
--nf-fg1: color-mix(in srgb, var(--nf-fg) 87%, var(--nf-bg));
--nf-dim: color-mix(in srgb, var(--nf-fg) 66%, var(--nf-bg));
--nf-line: color-mix(in srgb, var(--nf-fg) 14%, var(--nf-bg));
--nf-edge: color-mix(in srgb, var(--nf-fg) 32%, var(--nf-bg));
--nf-hover: color-mix(in srgb, var(--nf-fg) 6%, var(--nf-bg));
--nf-focus: var(--jp-brand-color1, light-dark(#1976d2, #64b5f6));
--nf-ok: color-mix(in srgb, var(--jp-success-color1, light-dark(#388e3c, #4caf50)) 72%, var(--nf-fg));
--nf-bad: color-mix(in srgb, var(--jp-error-color1, light-dark(#d32f2f, #f44336)) 78%, var(--nf-fg));
--nf-ask: color-mix(in srgb, var(--jp-warn-color1, light-dark(#ef6c00, #ff9800)) 62%, var(--nf-fg));
--nf-run: color-mix(in srgb, var(--jp-brand-color1, light-dark(#1976d2, #2196f3)) 78%, var(--nf-fg));
"""
FONT = "13px/1.4 var(--jp-ui-font-family, system-ui, sans-serif)"
CODE_FONT = "var(--jp-code-font-family, ui-monospace, monospace)"

_RULES = f"""
.nf1 {{ {VARIABLES} container: nf / inline-size; max-width: {WIDEST}px; border: 1px solid var(--nf-line); border-radius: 4px; padding: 0 0 4px; margin: 2px 0; background: var(--nf-bg); color: var(--nf-fg1); font: {FONT}; font-variant-numeric: tabular-nums; }}
.nf1 p {{ margin: 0 !important; padding: 5px 10px; }}
.nf1 tt, .nf1 pre, .nf1 code {{ font-family: {CODE_FONT}; font-size: 12px; }}
.nf1 code {{ background: none !important; color: inherit; padding: 0 !important; }}
.nf1 p + table, .nf1 p + div {{ border-top: 1px solid var(--nf-line); }}
.nf1 small, .nf1 th {{ font-size: 11px; color: var(--nf-dim); }}
.nf1 table {{ width: 100%; table-layout: auto; border-collapse: collapse; margin: 0 !important; border: 0; font-size: 13px; color: inherit; text-align: right; }}
.nf1 td, .nf1 th {{ padding: 3px 10px 3px 0 !important; line-height: 18px; text-align: right; vertical-align: top !important; font-weight: 400; border: 0; overflow-wrap: anywhere; max-width: none; }}
.nf1 th {{ border-bottom: 1px solid var(--nf-line); opacity: 1 !important; white-space: nowrap; }}
.nf1 :is(td, th):first-child {{ text-align: left; padding-left: 10px !important; }}
.nf1 .l {{ text-align: left !important; }}
.nf1 td.l:not(.k) {{ min-width: 4.5em; }}
.nf1 td.k {{ white-space: nowrap; }}
.nf1 tr {{ background: none !important; }}
.nf1 tr:hover td {{ background: var(--nf-hover); }}
.nf1 .d, .nf1-t tt {{ color: var(--nf-dim); opacity: 1; }}
.nf1 .s {{ color: var(--nf-ok) !important; }}
.nf1 .e {{ color: var(--nf-bad) !important; }}
.nf1 .a {{ color: var(--nf-ask) !important; font-weight: 600; }}
.nf1 .r {{ color: var(--nf-run) !important; }}
.nf1 .x {{ color: var(--nf-dim); opacity: 1 !important; }}
.nf1 i {{ color: var(--nf-dim); font-size: 12px; font-style: normal; }}
.nf1 details {{ margin: 0 !important; }}
.nf1 details:not(.f) > :not(summary) {{ margin-left: 12px; }}
.nf1 summary {{ cursor: default; line-height: 22px; padding-left: 8px; }}
.nf1 summary td:first-child {{ padding-left: 2px !important; }}
.nf1 td summary {{ padding-left: 0; }}
.nf1 summary::marker {{ font-size: 10px; color: var(--nf-dim); }}
.nf1 :focus-visible {{ outline: 2px solid var(--nf-focus); outline-offset: -2px; }}
.nf1 ul, .nf1 li {{ margin-top: 0 !important; margin-bottom: 0 !important; }}
.nf1 pre {{ white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; background: none; color: var(--nf-fg1); line-height: 18px; }}
.nf1 > pre {{ padding: 2px 10px !important; }}
.nf1 ins, .nf1 del {{ text-decoration-thickness: 1px; }}
.nf1 .box {{ margin: 6px 10px !important; border-left: 3px solid var(--nf-line); padding: 2px 10px; }}
.nf1-t table {{ table-layout: fixed !important; }}
.nf1-t :is(td, th):nth-child(2) {{ text-align: left; }}
.nf1-t td:first-child {{ white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }}
.nf1-t td > b:first-child:not([class]) {{ color: var(--nf-ok); }}
@container nf (max-width: 620px) {{ .nf1-t td:first-child {{ white-space: normal; }} .nf1-t tr > :nth-child(4) {{ display: none; }} }}
@media print {{ .nf1 {{ border: 0; max-width: none; }} .nf1 div {{ max-height: none !important; }} .nf1 tr {{ break-inside: avoid; }} .nf1 details:not([open])::details-content {{ content-visibility: visible; display: block; }} }}
"""


def pressed(sheet: str) -> str:
    """Give a sheet of styles without what only a reader of its source needs."""
    return re.sub(r"\s*([{};,>])\s*|(:)\s+", r"\1\2", re.sub(r"\s+", " ", sheet)).strip()


SHEET = pressed(_RULES)


def ink(letter: str) -> str:
    """Give the inline colour of a state that is no success, for where there is no sheet.

    The sanitizer of JupyterLab keeps a mix of colours that are named, and no other `var`.
    """
    return _INKS.get(letter, "")


def _mixed(variable: str, named: str, share: int) -> str:
    mix = f"var(--jp-{variable}-color1,{named}) {share}%,var(--jp-ui-font-color0,gray)"
    return f"color:color-mix(in srgb,{mix})"


_INKS = {
    "e": _mixed("error", "red", 78),
    "a": _mixed("warn", "orange", 62),
    "r": _mixed("brand", "blue", 78),
    "x": "opacity:.7",
}
