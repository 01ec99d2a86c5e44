"""The report of a served run: how much came from the record, how much went live, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..core.bill import Lines, add, bill_of, line_of
from ..core.errors import listed
from ..core.functions.display import Displayed
from ..core.policy import Change
from .fork_changes import change_line

if TYPE_CHECKING:
    from .recording import RecordedNode, Recording

# Of a run that goes live a million times, this many reasons are told.
MOST_REASONS = 200
MOST_LINES = 8
# What a person compares is on a line or two.
WHY_CHARS = 500


@dataclass(slots=True)
class ServedCounts:
    """Counts of what the record served, and of what ran live."""

    requests: int = 0
    nodes: int = 0
    draws: int = 0
    answers: int = 0
    live_requests: int = 0
    # Code without a mark that ran again, by name.
    ran_again: dict[str, int] = field(default_factory=dict)

    @property
    def served(self) -> int:
        """All that was served."""
        return self.requests + self.nodes + self.draws + self.answers


@dataclass(frozen=True, slots=True)
class LiveCalls:
    """Calls of one Function that were not served, for one reason."""

    fn: str
    why: str
    count: int = 1

    def __str__(self) -> str:
        times = f" × {self.count:,}" if self.count > 1 else ""
        return f"{self.fn}(){times}: {self.why}"


class Reasons:
    """Why calls were not served, as they come. Not safe by itself: its owner holds a lock."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}
        self._words: dict[tuple[str, str], str] = {}

    def add(self, fn: str, kind: str, why: str) -> None:
        """Take in a call; of those of one kind the first one's words are kept."""
        place = fn[:80], kind[:80]
        if place not in self._counts and len(self._counts) >= MOST_REASONS:
            place = "…", ""
            why = "there are more reasons"
        self._counts[place] = self._counts.get(place, 0) + 1
        self._words.setdefault(place, why[:WHY_CHARS])

    def by_reason(self) -> tuple[LiveCalls, ...]:
        """Give them in the order in which they came."""
        return tuple(LiveCalls(fn, self._words[fn, k], n) for (fn, k), n in self._counts.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Served(Displayed):
    """The report of a served run: its counts, live calls, doubts and savings.

    Of a run that goes on, it is what was so far. `live` and `unjudged` are known in the process
    that the run goes on in; of a run from the record they are empty.
    """

    # "resume", "fork" or "rerun", and the run that was served from.
    how: str
    of: str
    # What a fork changed, where and in what.
    changed: tuple[str, ...] = ()
    requests: int = 0
    nodes: int = 0
    draws: int = 0
    answers: int = 0
    live_requests: int = 0
    live: tuple[LiveCalls, ...] = ()
    # Functions of which nobody can say whether they are as they were, and what stands against it.
    unjudged: Mapping[str, str] = field(default_factory=dict)
    # What the served requests would have cost; None where a price is not known.
    saved_usd: float | None = 0.0

    @property
    def served(self) -> int:
        """All that was served."""
        return self.requests + self.nodes + self.draws + self.answers

    @property
    def summary(self) -> str:
        """The counts, in a line."""
        parts = [
            _count(self.nodes, "call"),
            _count(self.requests, "request"),
            _count(self.draws, "draw"),
            _count(self.answers, "answer"),
        ]
        named = ", ".join(part for part in parts if part) or "nothing"
        live = _count(self.live_requests, "request") or "no request"
        return f"{named} served; {live} live"

    def __str__(self) -> str:
        unknown = "; what that saved is not known" if self.saved_usd is None else ""
        saved = f"; saved ${self.saved_usd:,.4f}" if self.saved_usd else unknown
        lines = [f"{self.how} of {self.of}: {self.summary}{saved}."]
        lines += [f"changed: {one}" for one in self.changed[:MOST_LINES]]
        lines += [f"live: {one}" for one in self.live[:MOST_LINES]]
        if len(self.live) > MOST_LINES:
            lines.append(f"… {len(self.live) - MOST_LINES} more reasons")
        lines += [
            f"could not be judged: {name}() depends on {why[:160]}"
            for name, why in list(self.unjudged.items())[:MOST_LINES]
        ]
        if len(self.unjudged) > MOST_LINES:
            lines.append(f"nor could: {listed(list(self.unjudged)[MOST_LINES:])}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Served {self.summary}>"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}" if number else ""


def saved_of(nodes: Iterable[RecordedNode], replies: Iterable[object]) -> float | None:
    """Sum up the recorded cost of these calls and requests."""
    lines: Lines = {}
    seen: set[int] = set()
    stack = list(nodes)
    spents = list(replies)
    while stack:
        one = stack.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        stack.extend(one.children)
        spents += [request.spent for request in one.requests.values()]
    for spent in spents:
        if spent is not None:
            add(lines, line_of(spent))  # type: ignore[arg-type]
    bill = bill_of(lines)
    return None if bill.unknown else bill.usd + bill.saved_usd


def served_so_far(
    about: Mapping[str, object],
    changes: Iterable[Change],
    tally: ServedCounts,
    live: tuple[LiveCalls, ...],
    unjudged: Mapping[str, str],
    saved_usd: float | None,
) -> Served:
    """Say it of a live run, from what its cursor counts."""
    return Served(
        how=str(about.get("how")),
        of=str(about.get("of")),
        changed=tuple(map(change_line, changes)),
        requests=tally.requests,
        nodes=tally.nodes,
        draws=tally.draws,
        answers=tally.answers,
        live_requests=tally.live_requests,
        live=live,
        unjudged=dict(unjudged),
        saved_usd=saved_usd,
    )


def served_in(recording: Recording) -> Served | None:
    """Say it of a recorded run; None of one that nothing was served to."""
    how = recording.about.get("how")
    if not how or not recording.about.get("of"):
        return None
    requests = live = draws = nodes = 0
    for node in recording.nodes.values():
        nodes += bool(node.served_from)
        draws += sum(drawn.served for _, drawn in node.draws)
        for request in node.requests.values():
            if request.spent is not None:
                requests += request.spent.served
                live += not request.spent.served
    bill = recording.view.bill()
    is_unknown = any(line.saved_usd is None for line in bill.lines)
    return Served(
        how=str(how),
        of=str(recording.about.get("of")),
        changed=tuple(change_line(change) for change, _ in recording.changes),
        requests=requests,
        nodes=nodes,
        draws=draws,
        live_requests=live,
        saved_usd=None if is_unknown or nodes else bill.saved_usd,
    )
