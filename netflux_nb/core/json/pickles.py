"""Views and events for `pickle` and `copy.deepcopy`, flat: a tree of any depth."""

from __future__ import annotations

import copyreg
import pickle
from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from ..contracts.declared import Touched
from ..errors import rebuilt
from ..events import NodeClosed, NodeOpened, Ruling
from ..functions.kinds import Function, alive
from ..functions.versions import version_of
from ..messages import RetriableException
from ..policy import Change
from ..views import Callee, NodeView
from .portable import RecordedFunction, error_from_json, error_to_json

_FIELDS = [f.name for f in fields(NodeView) if f.init and f.name != "children"]


class _Named:
    """A Function on its way: a pickle names it, a copy shares it, as Python does with its own."""

    __slots__ = ("fn",)

    def __init__(self, fn: Callee) -> None:
        self.fn = fn

    def __deepcopy__(self, memo: Any) -> _Named:
        return self

    def __reduce__(self) -> Any:
        fn = self.fn
        kind = "agent" if fn.is_agent() else "code"
        if isinstance(fn, RecordedFunction):
            return RecordedFunction, (fn.name, kind)
        return function_named, (fn.name, kind, fn.home, fn.version)


class _Raised:
    """An error on its way: a copy shares it, a pickle makes it again without its `__init__`."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __deepcopy__(self, memo: Any) -> _Raised:
        return self

    def __reduce__(self) -> Any:
        error = self.error
        known = {k: _raised(v) for k, v in vars(error).items()}
        ways: list[tuple[Any, tuple[Any, ...]]] = [
            (_itself, (error,)),
            (rebuilt, (type(error), error.args, known)),
        ]
        for way in ways:
            try:
                kind, sent = way[0], pickle.dumps(way[1])
                arrived = pickle.loads(sent)  # noqa: S301  its own, a moment old
                is_same = str(kind(*arrived)) == str(error)
            except Exception:  # noqa: BLE001  what a class of the user's holds may be anything
                is_same = False
            if is_same:
                return way
        return error_from_json, (error_to_json(error),)


def function_named(name: str, kind: str, home: str, version: str) -> Function:
    """Give the Function of this process that a pickle names, or its name where there is none."""
    for fn in reversed(alive(name)):
        is_like = fn.home == home and fn.is_agent() == (kind == "agent")
        if is_like and version_of(fn).digest == version:
            return fn
    return RecordedFunction(name, kind)


def _itself(error: BaseException) -> BaseException:
    return error


def _raised(value: Any) -> Any:
    return _Raised(value) if isinstance(value, BaseException) else value


def _there(value: Any) -> Any:
    """Give what arrived: a copy has what was on its way as it was."""
    if isinstance(value, _Named):
        return value.fn
    return value.error if isinstance(value, _Raised) else value


def _view(view: NodeView) -> Any:
    rows: list[tuple[int, list[Any]]] = []
    # One stand-in for each, so that what was one thing arrives as one.
    sent: dict[int, Any] = {}
    stack = [(-1, view)]
    while stack:
        parent, one = stack.pop()
        stack.extend((len(rows), child) for child in reversed(one.children))
        row = {name: getattr(one, name) for name in _FIELDS}
        row["inputs"] = dict(one.inputs)
        row["fn"] = sent.setdefault(id(one.fn), _Named(one.fn))
        if one.exception is not None:
            row["exception"] = sent.setdefault(id(one.exception), _Raised(one.exception))
        rows.append((parent, list(row.values())))
    return _view_of, (rows,)


def _view_of(rows: list[tuple[int, list[Any]]]) -> NodeView:
    below: dict[int, list[NodeView]] = {}
    for place, (parent, values) in reversed(list(enumerate(rows))):
        row = dict(zip(_FIELDS, map(_there, values), strict=True))
        row["inputs"] = MappingProxyType(row["inputs"])
        view = NodeView(**row, children=tuple(reversed(below.pop(place, []))))
        below.setdefault(parent, []).append(view)
    return below[-1][0]


def _opened(body: NodeOpened) -> Any:
    words = {**body._asdict(), "fn": _Named(body.fn), "inputs": dict(body.inputs)}
    return _opened_of, (words,)


def _opened_of(words: Mapping[str, Any]) -> NodeOpened:
    return NodeOpened(
        **{**words, "fn": _there(words["fn"]), "inputs": MappingProxyType(words["inputs"])}
    )


def _closed(body: NodeClosed) -> Any:
    return _closed_of, (body.outcome, body.value, _raised(body.error), body.ruling, body.touched)


def _closed_of(
    outcome: str, value: Any, error: Any, ruling: Ruling | None, touched: Touched | None = None
) -> NodeClosed:
    return NodeClosed(outcome, value, _there(error), ruling, touched)


def _change(change: Change) -> Any:
    words = {f.name: getattr(change, f.name) for f in fields(Change)}
    fn = words["fn"]
    words["fn"] = _Named(fn) if isinstance(fn, Function) else fn
    words["inputs"] = None if change.inputs is None else dict(change.inputs)
    return _change_of, (words,)


def _change_of(words: Mapping[str, Any]) -> Change:
    return Change(**{**words, "fn": _there(words["fn"])})


def _retried(note: RetriableException) -> Any:
    words = {f.name: getattr(note, f.name) for f in fields(RetriableException)}
    return _retried_of, ({**words, "exception": _raised(note.exception)},)


def _retried_of(words: Mapping[str, Any]) -> RetriableException:
    return RetriableException(**{**words, "exception": _there(words["exception"])})


copyreg.pickle(NodeView, _view)
copyreg.pickle(NodeOpened, _opened)
copyreg.pickle(NodeClosed, _closed)
copyreg.pickle(Change, _change)
copyreg.pickle(RetriableException, _retried)
