"""`Mapped`, the handle of a map: its calls begun, watched, served and laid out as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .. import session
from ..core import bill
from ..core.errors import ArgumentError, BudgetError, FunctionError, NoNodeError, PendingError
from ..core.functions.display import Displayed
from ..core.functions.kinds import AgentFunction, Function, current
from ..core.functions.versions import version_of
from ..core.messages import Provider, TokenUsage, provider_name
from ..core.views import NodeState, NodeView
from ..record.sql import spending
from ..run import estimates
from ..run.handle import Run
from ..run.preview import Live, expected
from ..runtime.calls import model_of
from ..runtime.context import context_of
from ..runtime.nodes import Node
from ..runtime.runtime import Runtime, runtime_of
from ..show.parts import headings, html, look, numbers, tables, text
from ..show.parts.shown import Shown
from ..show.parts.tables import Column, Drawn
from . import mapping, results
from .inputs import Rows, rows_of

if TYPE_CHECKING:
    import pandas as pd

# Of earlier maps, the newest are looked through for what is unchanged.
MOST_MAPS = 8
SHOWN_ROWS = 20
# Below the fold no more are drawn; the rest is in `.df`.
MOST_DRAWN = 200


class Mapped(Displayed):
    """The handle of a map: one row a call, complete or so far.

    It is a sequence of values, in the order of the rows; `None` where a call failed.
    """

    def __init__(
        self,
        fn: Function,
        rows: Rows,
        models: Sequence[Any],
        names: Sequence[str],
        nodes: Node | Sequence[Node],
    ) -> None:
        self.fn = fn
        self._rows = rows
        self._models = [provider_name(one) for one in models]
        self._names = list(names)
        # The root, whose children are the calls; or the calls, where they are a body's own.
        self._root: Node | None = None
        self._nodes: list[Node] = []
        if isinstance(nodes, Node):
            self._root = nodes
        else:
            self._nodes = list(nodes)

    @property
    def run(self) -> Run:
        """The run: watch it, cancel it, look back at it."""
        if self._root is None:
            raise NoNodeError("This map was made in a body: its calls are of that body's run.")
        return Run.of(self._root)

    def _views(self) -> tuple[NodeView, ...]:
        if self._root is not None:
            return self._root.view().children
        return tuple(node.view() for node in self._nodes)

    @cached_property
    def _ended(self) -> tuple[NodeView, ...]:
        return self._views()

    @property
    def views(self) -> tuple[NodeView, ...]:
        """The calls as they are now, in their order."""
        return self._ended if self.is_done else self._views()

    @property
    def is_done(self) -> bool:
        """True when every call has its outcome."""
        if self._root is not None:
            return self._root.is_done
        return all(node.is_done for node in self._nodes)

    @property
    def df(self) -> pd.DataFrame:
        """The rows as they were given, and for each call its model, result, state and cost."""
        return results.frame(self._rows, self._models, self._names, self.views)

    def wait(self) -> Mapped:
        """Wait until every call has its outcome, whatever that is."""
        if self._root is not None:
            with _rest_first(self._root):
                session.wait(self._root)
            self._root.result()
        for node in self._nodes:
            node.wait()
        return self

    def __await__(self) -> Generator[Any, None, Mapped]:
        if self._root is not None:
            yield from self.run.__await__()
        for node in self._nodes:
            yield from node.runtime.life.wait_async(node).__await__()
        return self

    def cancel(self) -> None:
        """Ask all calls to stop; what is finished is kept."""
        for node in [self._root] if self._root is not None else self._nodes:
            node.cancel()

    def _values(self) -> list[Any]:
        values = [v.outputs if v.state is NodeState.Success else None for v in self.views]
        return values + [None] * (len(self) - len(values))

    def __len__(self) -> int:
        return len(self._rows) * max(len(self._models), 1)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values())

    def __getitem__(self, index: Any) -> Any:
        return self._values()[index]

    @property
    def failed(self) -> tuple[NodeView, ...]:
        """The calls that failed."""
        return tuple(view for view in self.views if view.state is NodeState.Error)

    def __repr__(self) -> str:
        views = self.views
        counts = Counter(view.state for view in views)
        done = sum(view.is_done for view in views)
        parts = [f"{done:,} of {len(self):,} done"]
        for state, name in ((NodeState.Error, "failed"), (NodeState.Canceled, "canceled")):
            if counts[state]:
                parts.append(f"{counts[state]:,} {name}")
        if served := sum(view.served for view in views):
            parts.append(f"{served:,} served")
        costs = [results.cost_of(view) for view in views]
        parts.append(numbers.usd(sum(cost or 0.0 for cost in costs)))
        if None in costs:
            parts.append("some prices unknown")
        return f"<{self.fn.name}.map: {', '.join(parts)}>"


def map_table(mapped: Mapped) -> Shown:
    """Show a map: what it came to, the rows that failed, then the others; many are folded."""
    frame, views = mapped.df, mapped.views
    # The last two of ours have columns of their own: the state, and what a call cost.
    is_failed = any(view.state is NodeState.Error for view in views)
    kept = [*range(frame.shape[1] - 3), *([frame.shape[1] - 2] if is_failed else [])]
    shown = frame.iloc[:, kept]
    columns = [
        Column("row", is_short=True),
        *(Column(str(name), is_number=kind.kind in "iuf") for name, kind in shown.dtypes.items()),
        Column("State", is_short=True),
        Column("Time", is_number=True),
        Column("Money", is_number=True),
    ]
    order = sorted(range(len(frame)), key=lambda n: not _is_failed(views, n))
    # No more rows are looked at than may be drawn.
    order = order[:MOST_DRAWN]
    given = shown.iloc[order].to_numpy(dtype=object).tolist()
    cells = [
        [n, *map(_cell, row), *_figures(views[n] if n < len(views) else None)]
        for n, row in zip(order, given, strict=True)
    ]
    title = _title(mapped)
    return tables.folding(
        cells, columns, title=title, text=repr(mapped)[1:-1], count=len(frame), shown=SHOWN_ROWS
    )


def _is_failed(views: Sequence[NodeView], n: int) -> bool:
    return n < len(views) and views[n].state in (NodeState.Error, NodeState.CutOff)


def _figures(view: NodeView | None) -> list[Any]:
    """Give the columns of a call beside what was given and came of it: state, time, money."""
    if view is None:
        return ["not begun", "", ""]
    sign = headings.sign_of(view)
    took = text.duration(view)
    time = "" if took is None else numbers.seconds(max(took, 0.001))
    cost = results.cost_of(view)
    money = "unknown" if cost is None else numbers.usd(cost) if cost or view.bill().lines else ""
    state = Drawn(f"{headings.shape(sign)} {headings.word(sign)}", f"{sign.shape} {sign.word}")
    return [state, time, money]


def _title(mapped: Mapped) -> str:
    """Draw the heading of a map: what came of its calls, time, money a row."""
    views = mapped.views
    states = Counter(view.state for view in views)
    facts = [numbers.count(len(mapped), "row"), headings.by_state(states)]
    if mapped._models:
        facts.insert(1, numbers.count(len(mapped._models), "model"))
    began = [view.started_at for view in views if view.started_at is not None]
    ended = [view.ended_at for view in views if view.ended_at is not None]
    if mapped.is_done and began and ended:
        facts.append(numbers.seconds(max(ended) - min(began)))
    costs = [results.cost_of(view) for view in views]
    paid = sum(cost or 0.0 for cost in costs)
    if paid:
        facts += [numbers.usd(paid), f"{numbers.usd(paid / max(len(views), 1))} a row"]
    if None in costs:
        facts.append("some prices unknown")
    if served := sum(view.served for view in views):
        facts.append(f"{served:,} served")
    state = NodeState.Success if mapped.is_done else NodeState.Running
    if states[NodeState.Error]:
        state = NodeState.Error
    name = html.safe(f"{mapped.fn.name}.map")
    return headings.heading(look.STATES[state], name, [fact for fact in facts if fact])


def _cell(value: Any) -> Any:
    is_missing = value is None or (isinstance(value, float) and value != value)
    if is_missing or type(value).__name__ == "NAType":
        return ""
    # A year is no amount: a person's own numbers stay as they are.
    return str(value) if type(value) is int else value


def map_rows(
    fn: Function,
    rows: Any,
    /,
    *,
    models: Sequence[Provider | str] | Provider | str | None = None,
    wait: bool = True,
    at_once: int | None = None,
    fresh: bool = False,
    **fixed: Any,
) -> Mapped:
    """Call a Function for every row (and model), under one root that is a run; see `Function.map`."""
    chosen = [models] if isinstance(models, str | Provider) else list(models or ())
    at_once = mapping.AT_ONCE if at_once is None else at_once
    _check(fn, chosen, at_once)
    matched = rows_of(fn, rows, fixed)
    caller: Node | None = current.get()
    runtime = session.default_runtime() if caller is None else runtime_of(caller)
    who = _answering(fn, chosen, runtime)
    names = [name if model is None else f"{name}:{model}" for name, model in who]
    if caller is not None:
        nodes = mapping.calls_inside(context_of(caller), fn, matched.calls, chosen, at_once)
        made = Mapped(fn, matched, chosen, names, nodes)
        return made if runtime.loop.is_here or not wait else made.wait()
    root = mapping.map_of(fn)
    # Of code that hands its model on, the record does not say which one that was.
    is_told = fn.is_agent() or not chosen
    cursor = None if fresh else _earlier(fn, root, runtime, is_told=is_told)
    _admit(fn, matched, who, cursor)
    given = {"rows": list(matched.calls), "models": asked_names(chosen), "at_once": at_once}
    node = session.begin(root, given, cursor)
    made = Mapped(fn, matched, chosen, names, node)
    if not wait:
        session.here.front.begun(node, waits=False)
        return made
    with _rest_first(node):
        session.attend(node)
    node.result()
    return made


@contextmanager
def _rest_first(root: Node) -> Iterator[None]:
    """Where nobody can be asked about a row, have the others done before that is raised."""
    try:
        yield
    except PendingError:
        if isinstance(root.cursor, mapping.Missing):
            root.cursor.wait_for_rest(root)
        raise


def asked_names(models: Sequence[Any]) -> list[str]:
    """Give the models as texts."""
    return [provider_name(one) for one in models]


def _check(fn: Function, models: Sequence[Any], at_once: int) -> None:
    if models and not fn.takes_provider:
        raise FunctionError(
            f"{fn.name}() is code and asks no model itself. Leave `models` out, or map its agent."
        )
    twice = [one for one, count in Counter(asked_names(models)).items() if count > 1]
    if twice:
        raise ArgumentError(f"`models` names {twice[0]!r} twice. Name each once.")
    if type(at_once) is not int or at_once < 1:
        raise ArgumentError(f"`at_once` is a number of calls from 1; got {at_once!r}.")


def _answering(
    fn: Function, models: Sequence[Any], runtime: Runtime
) -> list[tuple[str, str | None]]:
    """Say who answers each call of a row; nobody for code."""
    if not isinstance(fn, AgentFunction):
        return [(name, None) for name in asked_names(models)]
    return [model_of(fn, one, runtime.model) for one in models or [None]]


# Before anything is paid.


def _earlier(
    fn: Function, root: mapping.MapFunction, runtime: Runtime, *, is_told: bool
) -> mapping.Missing | None:
    """Give what serves the calls that are as they were; None where there is nothing."""
    recorder = runtime.recorder
    if recorder is None or session.here.served or not recorder.folder.is_dir():
        return None
    recorder.flush()
    folder, version = recorder.folder, version_of(fn)
    serves = is_told and version.is_whole
    names: list[str] = []
    if serves:
        names = spending.maps_of(folder, root.name, fn.name, version, MOST_MAPS)
    recordings = mapping.sound(folder, names)
    doubted, doubts = mapping.in_doubt(folder, fn, root.name)
    if not recordings and not doubts:
        return None
    return mapping.Missing(runtime, recordings or doubted, doubts, serves=serves)


def _admit(
    fn: Function,
    rows: Rows,
    who: Sequence[tuple[str, str | None]],
    cursor: mapping.Missing | None,
) -> None:
    """Tell what it will cost, and refuse what is above the cap."""
    if session.here.served or not len(rows):
        return
    agents = estimates.agents_below(fn)
    runtime = session.default_runtime()
    if not agents or all(_is_free(one, runtime, who if one is fn else ()) for one in agents):
        return
    live, served = _split(fn, rows, who, cursor)
    cost = expected(fn, live)
    parts = [f"{fn.name}.map: {sum(len(calls) for _, calls in live):,} calls"]
    if served:
        parts.append(f"{served:,} more served from the record, $0")
    if live:
        parts.append(str(cost))
    if all(_is_example(one, runtime, who if one is fn else ()) for one in agents):
        parts.append("example prices, nothing is paid")
    elif (left := session.spent().left_usd) is not None:
        parts.append(f"{numbers.usd(left)} left today")
        paid = expected(fn, [one for one in live if one[0] is None or one[0][0] != bill.EXAMPLE])
        if paid.low is not None and paid.low > left:
            raise _above(fn, paid, left)
    session.here.front.tell("; ".join(parts))


def _above(fn: Function, expected: estimates.Range, left: float) -> BudgetError:
    return BudgetError(
        f"{fn.name}.map() would cost {expected}, and ${left:,.4f} of this notebook's "
        f"${session.here.cap.usd or 0.0:,.2f} for today are left. Nothing was begun. Map fewer rows, or "
        f"raise the cap: `{session.here.cap.setting}` (0: none)."
    )


def _is_free(agent: AgentFunction, runtime: Runtime, who: Sequence[tuple[str, str | None]]) -> bool:
    some = TokenUsage(input_tokens_total=1000, input_tokens_regular=1000, output_tokens_total=1000)
    named = who or [model_of(agent, None, runtime.model)]
    return all(bill.price(name, model, some) == 0.0 for name, model in named)


def _is_example(
    agent: AgentFunction, runtime: Runtime, who: Sequence[tuple[str, str | None]]
) -> bool:
    return all(name == bill.EXAMPLE for name, _ in who or [model_of(agent, None, runtime.model)])


def _split(
    fn: Function,
    rows: Rows,
    who: Sequence[tuple[str, str | None]],
    cursor: mapping.Missing | None,
) -> tuple[Live, int]:
    """Split the calls in those that will be live, by who answers, and the number of the rest."""
    live: Live = []
    served = 0
    nobody: list[tuple[str, str | None] | None] = [None]
    for one in who or nobody:
        left: list[dict[str, Any]] = []
        taken: Counter[str] = Counter()
        for row in rows.calls:
            try:
                checked = fn.validate_coerce_args(row)
            except (ArgumentError, FunctionError):
                continue  # it fails before it costs anything
            provider, model = one or (None, None)
            is_agent = fn.is_agent()
            same = repr(sorted(checked.items(), key=lambda item: item[0]))[:4000]
            held = (
                cursor.holds(fn, checked, provider if is_agent else None, model)
                if cursor is not None
                else 0
            )
            taken[same] += 1
            if held >= taken[same]:
                served += 1
            else:
                left.append(checked)
        if left:
            live.append((one, left))
    return live, served
