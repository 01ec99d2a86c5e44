"""A run's page: what the record knows of it is gathered, and drawn as one HTML file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from ..compare.diff import Diff, Side, diff
from ..core.errors import ArgumentError, NetfluxError, RecordError
from ..core.views import NodeState, NodeView
from ..record import labels, reading
from ..record.sql import store
from ..record.sql.engine import quoted
from ..replay import free
from ..replay.recording import Recording
from ..show import diffs, ledgers
from ..show.exported import markdown_file
from ..show.exported.html_file import Beside, Source, page
from ..show.parts.numbers import moment
from ..show.parts.shown import Shown
from ..show.wire.playback import Heard, playback

# What a larger run needs all of its events for, in memory, is left out of its page.
MOST_NODES = 20_000
LEAST_SPEED, MOST_SPEED = 0.001, 16
_GOING = (NodeState.Running, NodeState.Waiting)
# Ways in which a run goes on from another.
_FROM = ("fork", "rerun", "replay", "resume")


def page_of(
    view: NodeView,
    folder: Path | None,
    run: str,
    compared: Diff | None = None,
    *,
    most_nodes: int = MOST_NODES,
) -> str:
    """Give a run as one HTML file.

    Args:
        view: Its tree as it is now.
        folder: The folder of its record; None where it is in none.
        run: Its name there.
        compared: The diff with another run, where one is asked for.
        most_nodes: Of a larger run the ledger, and a diff that nobody asked for, are left out.
    """
    view, beside = _gathered(view, folder, run, compared, most_nodes)
    return page(view, run=run, beside=beside)


def markdown_of(view: NodeView, folder: Path | None, run: str, compared: Diff | None = None) -> str:
    """Give a run as one file of Markdown; the arguments are those of `page_of`."""
    view, beside = _gathered(view, folder, run, compared, MOST_NODES)
    return markdown_file.page(view, run=run, beside=beside)


def _gathered(
    view: NodeView, folder: Path | None, run: str, compared: Diff | None, most_nodes: int
) -> tuple[NodeView, Beside]:
    if folder is None:
        drawn = None if compared is None else _drawn(compared)
        played = playback(view) if view.is_done else ""
        return view, Beside(compared=drawn, playback=played)
    heard = Heard()
    looked = reading.read_view(folder, run, hear=heard)
    if view.is_done:
        view = looked.view  # as it is in the record: without keys
    is_large = sum(1 for _ in islice(view.walk(), most_nodes + 1)) > most_nodes
    recording = None if is_large else _recording(folder, run)
    if compared is None and recording is not None:
        compared = _origin(recording, view)
    return view, Beside(
        notes=[*_notes(view), *([_left_out(most_nodes)] if is_large else [])],
        labels=labels.labels_of(folder, run),
        systems=looked.systems,
        sources=_sources(folder, run),
        environment=_environment(folder, run),
        ledger=_ledger(recording, view, run),
        compared=None if compared is None else _drawn(compared),
        playback="" if view.state in _GOING else playback(view, view.fn.name, heard),
    )


def played_of(view: NodeView, folder: Path | None, run: str) -> str:
    """Give the changes of a run that ended, to be played."""
    if folder is None:
        return playback(view, view.fn.name)
    heard = Heard()
    looked = reading.read_view(folder, run, hear=heard)
    return playback(looked.view if view.is_done else view, view.fn.name, heard)


def speed_of(given: float | str) -> float:
    """Read a speed: a number, or "max", which is told as less than nothing."""
    if given == "max":
        return -1.0
    try:
        speed = float(given)
    except (TypeError, ValueError):
        speed = math.nan
    if not LEAST_SPEED <= speed <= MOST_SPEED:
        raise ArgumentError(
            f'A speed is a number from {LEAST_SPEED} to {MOST_SPEED}, or "max"; got '
            f"{str(given)[:20]!r}."
        )
    return speed


def _notes(view: NodeView) -> Iterator[str]:
    if view.opened_at is not None:
        yield f"began {moment(view.opened_at)}"
    if view.state not in _GOING and view.ended_at is not None:
        yield f"ended {moment(view.ended_at)}"


def _left_out(most: int) -> str:
    return (
        f"Of more than {most:,} Nodes the ledger and a comparison that nobody asked for are left "
        f"out: run.ledger() and a.diff(b) show them."
    )


def _recording(folder: Path, run: str) -> Recording | None:
    """Read the run in a form that answers; nothing of one that is damaged."""
    try:
        return Recording(folder, run, is_for_looking=True)
    except NetfluxError:
        return None


def _origin(recording: Recording, view: NodeView) -> Diff | None:
    """Compare with the run that this one went on from, where that is here."""
    before = recording.before(*_FROM)[:1]
    if not before:
        return None
    origin = before[0]
    try:
        return diff(_side(origin, origin.view), _side(recording, view))
    except NetfluxError:
        return None


def _side(recording: Recording, view: NodeView) -> Side:
    nodes = recording.nodes.items()
    return Side(
        view,
        name=recording.run,
        systems=recording.systems(),
        versions={key: node.version.text for key, node in nodes if node.version is not None},
        functions=reading.functions_of(recording.folder, recording.run),
    )


def _drawn(compared: Diff) -> Callable[[int], Shown]:
    return lambda most: diffs.shown(compared, max_bytes=most)


def _ledger(recording: Recording | None, view: NodeView, run: str) -> Shown | None:
    if recording is None:
        return None
    return ledgers.ledger(free.account_of(recording), view, run=run)


def _environment(folder: Path, run: str) -> Mapping[str, Any]:
    try:
        return reading.environment_of(folder, run)
    except (RecordError, OSError):  # deleted, or packed, in between
        return {}


def _sources(folder: Path, run: str) -> list[Source]:
    query = (
        "SELECT fn, version, source, system, prompt FROM functions WHERE version IN "
        f"(SELECT DISTINCT version FROM nodes WHERE run = {quoted(run)}) ORDER BY first_called"
    )
    try:
        found = store.sql(query, folder)
    except NetfluxError:  # a record that cannot be asked can still be shown
        return []
    return [
        Source(str(row["fn"]), str(row["version"]), tuple(_texts(row)))
        for row in found.to_dict("records")
    ]


def _texts(row: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    titles = {"source": "source", "system": "system prompt", "prompt": "prompt"}
    return ((title, row[key]) for key, title in titles.items() if isinstance(row[key], str))
