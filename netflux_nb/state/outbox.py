"""The outbox of a transaction: calls that are made once it counts, and never where it does not.

- A draft keeps what its body and its children put in, in the order of the calls. It goes up with
  the writes, and is dropped with them.
- The line that ends the outermost Node names all of it: the transaction and its outbox are one.
- The calls are children of one Node, `release_outbox`, each under its number. One that fails stops
  none of those after it: the transaction counts, and all of it was promised.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, Protocol

from ..core.contracts.declared import RELEASE, Contract, Entry, Touched
from ..core.contracts.persistent import Path
from ..core.errors import (
    ArgumentError,
    CancellationException,
    ContractError,
    FunctionError,
    NoNodeError,
    OutboxError,
    listed,
    stringify,
)
from ..core.functions.arguments import FunctionArg
from ..core.functions.kinds import CodeFunction, Function, newest
from ..core.json.canonical import inputs_digest
from ..core.secrets.redaction import is_marked
from ..runtime.context import RunContext
from ..runtime.nodes import Node
from ..runtime.runtime import Runtime, runtime_of
from .guards import owned

# Calls of one transaction.
MOST = 10_000

# Where it stands among the calls of the draft: after how many children, its own or of the last.
Place = tuple[int, ...]


class Filled(Protocol):
    """A draft, as its outbox is filled."""

    outbox: Outbox | None
    node: Any

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """What guards it."""
        ...

    @property
    def is_open(self) -> bool:
        """False once its call has ended."""
        ...

    @property
    def children(self) -> int:
        """How many calls its body has made."""
        ...

    def check_grant(self, name: str, contract: Contract, /) -> None:
        """Refuse a call of a Function that may do more than the nearest that has a contract."""
        ...

    def ended(self, path: Path, /) -> ContractError:
        """Give the error of who comes too late."""
        ...


class Outbox:
    """The calls that a transaction makes once it counts."""

    __slots__ = ("_placed",)

    def __init__(self) -> None:
        self._placed: list[tuple[Place, Entry, Function | None]] = []

    @classmethod
    def of(cls, touched: Touched) -> Outbox | None:
        """Give the calls that a record tells of; None where there are none."""
        if not touched.outbox:
            return None
        made = cls()
        for nth, one in enumerate(touched.outbox):
            is_known = one.inputs is not None and not is_marked_within(one.inputs)
            entry = one if is_known else Entry(one.fn, None)
            made._placed.append(((0, 1, nth), entry, None))
        return made

    def put(self, after: int, entry: Entry, fn: Function) -> None:
        """Put a call in, which comes after so many children."""
        if len(self._placed) >= MOST:
            raise ContractError(
                f"An outbox holds {MOST:,} calls at most. Put in fewer, larger ones."
            )
        self._placed.append(((after, 1, len(self._placed)), entry, fn))

    def take(self, nth: int, other: Outbox) -> None:
        """Put in what the child of this number did."""
        placed = enumerate(other._sorted())
        self._placed += [((nth, 0, at), entry, fn) for at, (_, entry, fn) in placed]

    def _sorted(self) -> list[tuple[Place, Entry, Function | None]]:
        return sorted(self._placed, key=lambda one: one[0])

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Give the calls, in their order."""
        return tuple(entry for _, entry, _ in self._sorted())

    @property
    def fns(self) -> list[Any]:
        """Give their Functions, in their order; None where the name is all that there is."""
        return [fn for _, _, fn in self._sorted()]

    @property
    def release(self) -> CodeFunction:
        """The Function that makes them."""
        return release_outbox()


def is_marked_within(inputs: Mapping[str, Any]) -> bool:
    """Say whether a key was taken out of what a call is given."""
    stack: list[Any] = [inputs]
    while stack:
        one = stack.pop()
        if isinstance(one, str):
            if is_marked(one):
                return True
        elif isinstance(one, list):
            stack.extend(one)
        elif isinstance(one, dict):
            stack.extend((*one, *one.values()))
    return False


def same_outbox(draft: Filled, recorded: Touched) -> bool:
    """Say whether a draft's calls are those that a record tells of, where keys were taken out."""
    redact = draft.node.runtime.redact
    mine = () if draft.outbox is None else draft.outbox.entries
    now, then = (
        inputs_digest({"calls": [[one.fn, one.inputs] for one in entries]})
        for entries in (mine, recorded.outbox)
    )
    return bool(redact(now) == redact(then))


def put_after(
    draft: Filled, node: Node, fn: Function, args: tuple[Any, ...], given: dict[str, Any]
) -> None:
    """Put a call into the outbox of a Node's draft, checked as a call is that is made now."""
    if not isinstance(fn, Function):
        raise ArgumentError(
            f"after() takes a Function, and what it is called with; got {type(fn).__name__}."
        )
    runtime_of(node).calls.check_call(node, fn)
    if fn.contract is not None:
        draft.check_grant(fn.name, fn.contract)
    inputs = _plain(fn, fn._bound(args, given))
    with draft.lock:
        if not draft.is_open:
            raise draft.ended(())
        if draft.outbox is None:
            draft.outbox = Outbox()
        draft.outbox.put(draft.children, Entry(fn.name, inputs), fn)


def _plain(fn: Function, given: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a call is given as plain JSON that nobody else holds; checked as at a call."""
    inputs: dict[str, Any] = {}
    for name, value in given.items():
        mine = owned(value)
        try:
            inputs[name] = json.loads(json.dumps(mine, allow_nan=False))
            is_same = bool(inputs[name] == mine)
        except (TypeError, ValueError, RecursionError):
            is_same = False
        if not is_same:
            raise ArgumentError(
                f"{name} of {fn.name}() is no plain JSON: {type(value).__name__}. What is called "
                f"later is kept in the record: give texts, numbers, lists, dicts with text keys."
            )
    fn.validate_coerce_args(inputs)
    return inputs


def no_transaction(node: Node | None, fn: Any) -> NoNodeError:
    """Give the error of who puts something into an outbox, and there is none."""
    name = fn.name if isinstance(fn, Function) else "it"
    if node is None:
        return NoNodeError(f"No transaction goes on here. Call {name}() itself: {name}(...).")
    return NoNodeError(
        f"{node.fn.name}() is no part of a transaction: it has no contract. Call {name}() itself, "
        f"or give {node.fn.name}() one, such as `writes=[...]`."
    )


# What its calls come to is told in its error: none stops those after it.
def _release(ctx: RunContext, *, of: str, calls: list[Any]) -> int:
    node = ctx.node
    assert isinstance(node, Node)
    runtime, fns = runtime_of(node), list(node.lent or ())
    failed: list[str] = []
    for place, (nth, name, inputs) in enumerate(calls):
        known = fns[place] if place < len(fns) else None
        fn = known or runtime.calls.registry.get(name) or newest(name)
        try:
            _made(runtime, node, fn, name, inputs, str(nth)).result()
        except CancellationException as error:
            if node.is_cancel_requested():
                raise node.stops() from None
            failed.append(f"{name}(): {stringify(error, 120)}")
        except Exception as error:  # noqa: BLE001  those after it go all the same
            failed.append(f"{name}(): {stringify(error, 120)}")
    if failed:
        raise OutboxError(
            f"{len(failed)} of {len(calls)} calls of the outbox failed: {listed(failed, 4)}"
        )
    return len(calls)


def _made(
    runtime: Runtime, node: Node, fn: Function | None, name: str, inputs: Any, nth: str
) -> Node:
    """Make a call of an outbox; one that cannot be made is seen in the tree, too."""
    try:
        if inputs is None:
            raise ArgumentError(f"The record does not hold in full what {name}() is called with.")
        if fn is None:
            raise FunctionError(f"{name}() is not defined here. Define it first.")
        return runtime.invoke(node, fn, inputs, tool_use_id=nth)
    except CancellationException:
        raise
    except Exception as error:  # noqa: BLE001  whatever it is, it is told where the call is
        return runtime.calls.stillborn(node, fn, name, inputs or {}, nth, error)


# Made when it is first needed: the type of a value is known by what is slow to import.
@cache
def release_outbox() -> CodeFunction:
    """Give the Function that makes the calls of an outbox."""
    made = CodeFunction(
        name=RELEASE,
        desc="Make the calls of an outbox, now that its transaction counts.",
        args=[
            FunctionArg("of", str, "The key of the Node that put them in."),
            FunctionArg("calls", list, "Each with its number, its Function, what it is given."),
        ],
        callable=_release,
    )
    made.calls_any = True
    return made
