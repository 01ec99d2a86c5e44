"""The scan of a record for secrets, and the check of its hashes."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import ArgumentError, RecordError, stringify
from ..core.secrets.patterns import TAKEN
from ..core.secrets.redaction import REDACTED, Redaction, secrets_of
from ..runtime.host import host
from .codecs.artifacts import Artifacts, decoded, words_of_value
from .codecs.frame_bytes import UNFIT
from .labels import labels_of, to_json
from .reading import file_of, owned_lines, rows_of


@dataclass(frozen=True, slots=True)
class Scan:
    """The findings of a scan for secrets in a run's record: place and kind of each."""

    found: tuple[tuple[str, str], ...]
    # Places where something was taken out before it was written.
    redacted: int
    # What could not be looked through, and why.
    lost: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        """True where all was looked through, and nothing was found."""
        return not (self.found or self.lost)


def scan(folder: Path, run: str, variables: Mapping[str, str] | None = None) -> Scan:
    """Look through all that was written of a run for what looks like a key.

    Args:
        folder: Where the record is.
        run: Which run.
        variables: Whose values are secrets too, by name; else this process' environment.
    """
    look = Redaction(secrets_of(os.environ if variables is None else variables), host().patterns)
    rows, described = _rows(folder, run)
    matches: list[tuple[str, str]] = []
    marks = 0

    for row in rows:
        where = f"event {row.get('seq', '?')}, {look(str(row.get('event')))[:40]}"
        marks += _marks(json.dumps(row))
        matches.extend((where, kind) for kind in look.found_in(row))
    for row in described:
        where = f"what {look(str(row.get('name')))[:40]} is"
        matches.extend((where, kind) for kind in look.found_in(row))
    labelled = to_json(labels_of(folder, run))
    marks += _marks(json.dumps(labelled))
    matches.extend(("its tags, note and title", kind) for kind in look.found_in(labelled))
    kept = Artifacts(folder)
    lost: list[str] = []
    for digest in sorted(artifacts_in(rows)):
        try:
            data = kept.get(digest)
        except RecordError as error:
            lost.append(str(error))
            continue
        marks += _marks(data.decode("utf-8", "replace"))
        try:
            for kind in _kinds(look, data):
                matches.append((f"artifact {digest[:12]}", kind))
        except UNFIT as error:
            lost.append(f"Artifact {digest[:12]} cannot be looked through: {stringify(error, 80)}.")
    return Scan(tuple(matches), marks, tuple(lost))


def _kinds(look: Redaction, data: bytes) -> Iterable[str]:
    """Name what a large value holds that should not be there."""
    text = data.decode("utf-8", "replace")
    yield from look.kinds(text)
    try:
        yield from look.found_in({"json": json.loads(text)})
    except (ValueError, RecursionError):
        # What a table's file says beside its cells is ours.
        words = list(packed(data))
        yield from look.found_among(words) if words else look.found(text)


def _marks(text: str) -> int:
    return text.count(TAKEN) + text.count(f'"{REDACTED}"')


_Rows = list[dict[str, Any]]


def _rows(folder: Path, run: str) -> tuple[_Rows, _Rows]:
    """Give what a run's lines say, sound or not, and those that describe what it called."""
    rows_of(folder, run)  # raises where there is none
    path = file_of(folder, run)
    mine: _Rows = []
    described: _Rows = []
    for owner, raw in owned_lines(path):
        try:
            row = json.loads(raw)
        except (ValueError, RecursionError):
            row = None
        if owner == run:
            mine.append(row if isinstance(row, dict) else {"event": raw.decode("utf-8", "replace")})
        elif owner == path.stem and isinstance(row, dict) and row.get("event") == "Function":
            described.append(row)
    called = {(str(row.get("fn")), str(row.get("version"))) for row in mine}
    told = [(str(row.get("name")), str(row.get("version"))) for row in described]
    return mine, [row for row, it in zip(described, told, strict=True) if it in called]


def packed(data: bytes) -> Iterator[str]:
    """Give what is said in a table or an array, in whose bytes it stands in another form."""
    for kind in ("frame", "array", "mixed"):
        with contextlib.suppress(ArgumentError):
            yield from words_of_value(decoded(kind, data), with_numbers=bool(host().patterns))


def verify(folder: Path, run: str) -> tuple[str, ...]:
    """Walk the hashes of a run's lines and large values, and name what is not as it was."""
    checked = rows_of(folder, run)
    faults = [str(fault) for fault in checked.faults]
    kept = Artifacts(folder)
    for digest in sorted(artifacts_in(checked.rows)):
        try:
            kept.get(digest)
        except RecordError as error:
            faults.append(str(error))
    return tuple(faults)


def artifacts_in(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """Name the large values that lines refer to."""
    found: set[str] = set()
    stack: list[Any] = list(rows)
    while stack:
        one = stack.pop()
        if isinstance(one, list):
            stack.extend(one)
        elif isinstance(one, dict) and one.keys() != {"json"}:
            if isinstance(one.get("artifact"), str) and "kind" in one:
                found.add(one["artifact"])
            stack.extend(one.values())
    return found
