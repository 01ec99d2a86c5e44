"""Protocols of the handles that a Function returns: a call, a map, a preview, its versions."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self

from .bill import Bill
from .messages import ModelRequest
from .views import NodeState, NodeView

if TYPE_CHECKING:
    import pandas as pd


class Handle(Protocol):
    """A call that was started: wait for it, await it, look at it, answer it, stop it.

    `fn.start(...)` gives one wherever it is called. In a body it is the `Node` of a child; outside
    it is a `Run`, which can be shown, replayed and compared as well: `Run.of(handle)` is its run.
    """

    @property
    def state(self) -> NodeState:
        """The state of the call."""
        ...

    @property
    def is_done(self) -> bool:
        """True once it has its outcome."""
        ...

    def result(self, timeout: float | None = None) -> Any:
        """Wait for it and give its value, or raise what it failed with."""
        ...

    def wait(self, timeout: float | None = None) -> object:
        """Wait until it has its outcome, whatever that is."""
        ...

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait in async code, and give its value."""
        ...

    def view(self) -> NodeView:
        """Give an immutable view of the whole tree as it is now."""
        ...

    def watch(self, as_of_seq: int = 0, *, timeout: float | None = None) -> NodeView | None:
        """Wait for a view newer than `as_of_seq`; None when the time is over."""
        ...

    def bill(self) -> Bill:
        """Sum up usage and cost so far, by provider and model."""
        ...

    def cancel(self, reason: str = "Operation was canceled") -> None:
        """Ask it and all below it to stop. What is finished stays finished."""
        ...

    def pause(self) -> None:
        """Let no new call start in its tree."""
        ...

    def unpause(self) -> None:
        """Let its tree go on."""
        ...

    def approve(self, *, by: str = ..., question: str = "") -> None:
        """Say yes to what it waits for."""
        ...

    def reject(self, reason: str = "", *, by: str = ..., question: str = "") -> None:
        """Say no to what it waits for."""
        ...

    def answer(self, value: Any, *, by: str = ..., question: str = "") -> None:
        """Answer the question that it asks."""
        ...


class MapHandle(Protocol):
    """The calls of a map: a sequence of values, in the order of the rows; None where one failed."""

    @property
    def is_done(self) -> bool:
        """True when every call has its outcome."""
        ...

    @property
    def run(self) -> Handle:
        """The run of a map that was made outside a body."""
        ...

    @property
    def views(self) -> tuple[NodeView, ...]:
        """The calls as they are now, in their order."""
        ...

    @property
    def failed(self) -> tuple[NodeView, ...]:
        """The calls that failed."""
        ...

    @property
    def df(self) -> pd.DataFrame:
        """The rows as they were given, and for each call its model, result, state and cost."""
        ...

    def wait(self) -> Self:
        """Wait until every call has its outcome, whatever that is."""
        ...

    def __await__(self) -> Generator[Any, None, Self]:
        """Wait in async code."""
        ...

    def cancel(self) -> None:
        """Ask all calls to stop; what is finished is kept."""
        ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Any]: ...

    def __getitem__(self, index: Any, /) -> Any: ...


class CallPreview(Protocol):
    """The first request of a call, not sent, and its estimated cost."""

    @property
    def fn(self) -> str:
        """The name of the Function."""
        ...

    @property
    def args(self) -> Mapping[str, Any]:
        """The checked arguments."""
        ...

    @property
    def request(self) -> ModelRequest | None:
        """The first request; None of code."""
        ...

    @property
    def native(self) -> Mapping[str, Any] | None:
        """The request as its provider's SDK is given it, where that is known."""
        ...

    @property
    def tokens(self) -> tuple[int, int, int]:
        """About how many tokens it has: least, likely, most."""
        ...

    @property
    def usd(self) -> tuple[float, float] | None:
        """The least and the most that the first request costs, where prices are known."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on what the preview could not tell."""
        ...


class Edition(Protocol):
    """One version of a Function, and what came of it."""

    @property
    def version(self) -> str:
        """Its hash."""
        ...

    @property
    def runs(self) -> int:
        """In how many runs it was called."""
        ...

    @property
    def calls(self) -> int:
        """The number of its calls."""
        ...

    @property
    def failed(self) -> int:
        """The number of its failed calls."""
        ...

    @property
    def usd(self) -> float | None:
        """The cost of its own requests in USD; None where a price is unknown."""
        ...

    @property
    def changed(self) -> tuple[str, ...]:
        """The differences from the version before."""
        ...


class Versions(Protocol):
    """The versions of a Function in the record, the oldest first."""

    @property
    def editions(self) -> Sequence[Edition]:
        """Each version, and what came of it."""
        ...

    @property
    def df(self) -> pd.DataFrame:
        """One row a version."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, place: int, /) -> Edition: ...
