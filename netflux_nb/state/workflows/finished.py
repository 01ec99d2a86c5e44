"""The end of a workflow's run: the state, the way to it, what its Functions gave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ...core.functions.display import Displayed

_KEYS = ("end", "history", "results")


class Finished(Displayed, Mapping[str, Any]):
    """The end of a workflow's run. It is a mapping too, as its record and JSON have it.

    Example:
        >>> Finished("DONE", [], {}).end
        'DONE'
    """

    __slots__ = ("_told",)

    def __init__(
        self, end: str, history: Sequence[Mapping[str, Any]], results: Mapping[str, Any]
    ) -> None:
        self._told: dict[str, Any] = {
            "end": end,
            "history": [dict(one) for one in history],
            "results": dict(results),
        }

    @property
    def end(self) -> str:
        """The state that it ended in."""
        return str(self._told["end"])

    @property
    def history(self) -> tuple[Mapping[str, Any], ...]:
        """The states in their order: what ran in each, the event, and where that led."""
        return tuple(map(MappingProxyType, self._told["history"]))

    @property
    def results(self) -> Mapping[str, Any]:
        """What each Function gave last, by its name."""
        return MappingProxyType(self._told["results"])

    def __getitem__(self, key: str) -> Any:
        if key == "history":
            return [dict(one) for one in self._told[key]]
        return dict(self._told[key]) if key == "results" else self._told[key]

    def __iter__(self) -> Iterator[str]:
        return iter(_KEYS)

    def __len__(self) -> int:
        return len(_KEYS)

    def __repr__(self) -> str:
        steps = len(self._told["history"])
        return f"<Finished in {self.end} after {steps:,} state{'' if steps == 1 else 's'}>"
