"""What a type checker must see of the public names. Checked by `make check`, never run."""

from pathlib import Path
from typing import Any, assert_type

import pandas as pd

from netflux_nb import (
    AgentFunction,
    Bill,
    CodeFunction,
    Function,
    Node,
    NodeView,
    Run,
    Runtime,
    TokenBill,
    agent,
    default_runtime,
    export_notebook,
    function,
    gather,
    runs,
    view_from_json,
    view_to_json,
)
from netflux_nb.core.handles import CallPreview, Handle, MapHandle, Versions
from netflux_nb.record.labels import Labels
from netflux_nb.run.listing import Runs
from netflux_nb.run.trend_chart import Chart
from netflux_nb.show.ledgers import RunLedger
from netflux_nb.show.parts.shown import Shown


@function
def plain(x: int) -> int:
    """Give x."""
    return x


@function(uses=[plain], effect="files", needs_approval=True)
def marked(x: int) -> int:
    """Give x."""
    return x


assert_type(plain, CodeFunction)
assert_type(marked, CodeFunction)
assert_type(agent("a(x: str)", "{x}"), AgentFunction)
assert_type(plain.uses, list[Function])
assert_type(plain.version, str)

runtime = Runtime([plain])
node = runtime.get_ctx().invoke(plain, {"x": 1})
assert_type(node, Node)
assert_type(node.result(), Any)
assert_type(node.view(), NodeView)
assert_type(node.watch(0, timeout=1), NodeView | None)
assert_type(runtime.list_toplevel_views(), list[NodeView])
assert_type(runtime.cancel_all(), list[Node])
assert_type(node.view().total_tree_token_bill(), dict[Any, TokenBill])
assert_type(gather(node), list[Any])
assert_type(view_to_json(node.view()), str)
assert_type(view_from_json(""), NodeView)
assert_type(default_runtime(), Runtime)
assert_type(plain.source(), str)
assert_type(plain.start(x=1), Handle)
assert_type(plain.start(x=1).view(), NodeView)
assert_type(plain.start(x=1).bill(), Bill)
assert_type(Run.of(plain.start(x=1)), Run)
assert_type(plain.map([1, 2]), MapHandle)
assert_type(plain.map([1, 2], wait=False).wait(), MapHandle)
assert_type(plain.map([1, 2]).df, pd.DataFrame)
assert_type(plain.history(), Versions)
assert_type(plain.history().df, pd.DataFrame)
assert_type(plain.preview(x=1), CallPreview)
assert_type(plain.preview(x=1).usd, tuple[float, float] | None)
assert_type(runs.all, Runs)
assert_type(runs.last, Run)
assert_type(runs.where(tag="a", since="yesterday"), Runs)
assert_type(runs.last.labels, Labels)
assert_type(runs.usage(), Shown)
assert_type(runs.chart(by="fn", of="latency"), Chart)
assert_type(runs.chart().df, pd.DataFrame)
assert_type(export_notebook("x.nfrun"), Path)


def starts(run: Run, child: Node) -> list[Handle]:
    """A run and a Node are handles alike."""
    return [run, child]


def looks(run: Run) -> None:
    """What is seen of a run is text and HTML alike."""
    assert_type(run.tree(), Shown)
    assert_type(run.usage(), Shown)
    assert_type(run.ledger(), RunLedger)
    assert_type(run.ledger().df, pd.DataFrame)
    assert_type(run.timeline(), Shown)
    assert_type(run.why(), Shown)
    assert_type(run.node("a").transcript(), Shown)
    assert_type(run.mermaid(), str)
    assert_type(run.export("x.html"), Path)
