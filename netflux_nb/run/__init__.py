"""A run: one handle for a tree of calls, while it goes on and after, live or from the record."""

from ..compare.diff import Diff, Everything
from ..core.bill import Bill
from ..core.displayed import set_drawn
from ..core.functions import Function, set_verb
from ..core.views import NodeView
from ..replay.begin import Replayed
from ..runtime.nodes import Node
from ..session import set_handle
from ..show import cards, diffs, replays, trees, usages
from ..show.source import python_of
from . import history, mapped, preview
from .handle import Run
from .looking import set_opener
from .nodes import RunNode

__all__ = ["Run", "RunNode", "set_opener"]

set_handle(Run.of)

set_verb("map", mapped.map_rows)
set_verb("preview", preview.preview)
set_verb("history", history.history)
set_verb("source", python_of)

set_drawn(Function, cards.card)
set_drawn(preview.Preview, preview.shown)
set_drawn(mapped.Mapped, mapped.drawn)
set_drawn(history.History, history.shown)
set_drawn(Run, Run.tree)
set_drawn(RunNode, RunNode.tree)
set_drawn(NodeView, trees.tree)
set_drawn(Node, lambda node: trees.tree(node.view()))
set_drawn(Bill, usages.bill)
set_drawn(Diff, diffs.shown)
set_drawn(Everything, lambda all_of: diffs.shown(all_of.diff, only_changes=False))
set_drawn(Replayed, replays.shown)
