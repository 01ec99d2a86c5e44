"""The wiring: every slot that a later room fills in an earlier one, on one screen.

Where a click on a name ends at a slot, look here. A notebook fills those of the session: its
front, its place, who answers and what opens a run, in `jupyter.front.install`.
"""

from __future__ import annotations

from .compare.diff import Diff, Everything
from .core import bill, consent, displayed, functions
from .core.bill import Bill
from .core.functions import Function
from .core.versions import version_of
from .core.views import NodeView
from .providers.prices import Table
from .record.values.artifacts import encoded
from .replay.begin import Replayed
from .run import Run, RunNode, handle, history, mapped, preview, verbs
from .runs import Runs, Serving, drawn
from .runtime import host
from .runtime.nodes import Node
from .scale import mapping
from .session import here
from .show import cards, diffs, replays, trees, usages

# What the runtime asks of its process; where calls outside any tree run.
host.host.fill(here)
functions.default_caller.fill(handle.Calls())

# What a Function is, and what it can be asked.
functions.version_hash.fill(lambda fn: version_of(fn).digest)
functions.derived.fill(mapping.derived)
functions.verbs.fill(verbs)

# What requests cost; how a value is hashed that JSON cannot say.
bill.prices.fill(Table())
consent.encoder.fill(encoded)

# How a notebook shows what is ours.
displayed.drawings.fill({
    Function: cards.card,
    preview.Preview: preview.shown,
    mapped.Mapped: mapped.drawn,
    history.History: history.shown,
    Run: Run.tree,
    RunNode: RunNode.tree,
    NodeView: trees.tree,
    Node: lambda node: trees.tree(node.view()),
    Bill: usages.bill,
    Diff: diffs.shown,
    Everything: lambda all_of: diffs.shown(all_of.diff, only_changes=False),
    Replayed: replays.shown,
    Runs: Runs.table,
    Serving: drawn,
})  # fmt: skip
