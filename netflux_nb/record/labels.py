"""Labels of runs: tags, a note and a title each, in a small file of its own beside the lines.

The lines of a run are never changed, so what a person says of it later stands elsewhere. A file
is replaced as a whole. One that is damaged, or not ours, says nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import ArgumentError, RecordError
from ..runtime.sinks import redaction
from .codecs.artifacts import TEMPORARY, settle
from .os import lock, open_fd, unlink
from .reading import Walk, deleted, file_of, readable, run_name

# Files of this folder are named after runs.
FOLDER = "labels"
SUFFIX = ".json"
LOCK = ".lock"

MOST_TAGS = 20
TAG_CHARS = 40
NOTE_CHARS = 2_000
TITLE_CHARS = 120
# Of one file, and of all that are read for a question: the rest is passed over.
MOST_BYTES = 64_000
MOST_ALL_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class Labels:
    """What people said of a run: its tags, a note, and a title of its own."""

    tags: tuple[str, ...] = ()
    note: str = ""
    title: str = ""

    def __bool__(self) -> bool:
        return self != Labels()


def labels_of(folder: str | os.PathLike[str], run: str) -> Labels:
    """Give the labels of a run; none where it has none, or they cannot be read."""
    return _read(_file(folder, run))


def all_labels(folder: str | os.PathLike[str]) -> Iterator[tuple[str, Labels]]:
    """Give the labels of each run that has some, the newest run first."""
    place = Path(folder) / FOLDER
    names: list[str] = []
    with suppress(RecordError), readable(place), os.scandir(place) as entries:
        names = [one.name for one in entries if one.name.endswith(SUFFIX) and one.name[0] != "."]
    room = MOST_ALL_BYTES
    for name in sorted(names, reverse=True):
        run = name.removesuffix(SUFFIX)
        found = _read(place / name)
        if not found:
            continue
        room -= len(found.note) + len(found.title) + TAG_CHARS * len(found.tags)
        if room < 0:
            return
        yield run, found


def tag(folder: str | os.PathLike[str], run: str, tags: Iterable[str]) -> None:
    """Add tags to a run. Raises `RecordError` where there is no such run."""
    new = [_tag(one) for one in tags]

    def add(before: Labels) -> Labels:
        found = tuple(dict.fromkeys((*before.tags, *new)))
        if len(found) > MOST_TAGS:
            raise ArgumentError(f"A run has at most {MOST_TAGS} tags; this would be {len(found)}.")
        return Labels(found, before.note, before.title)

    _change(folder, run, add)


def untag(folder: str | os.PathLike[str], run: str, tags: Iterable[str]) -> None:
    """Remove tags from a run; without any, all. One that it does not have is passed over."""
    gone = {_tag(one) for one in tags}

    def remove(before: Labels) -> Labels:
        left = tuple(one for one in before.tags if gone and one not in gone)
        return Labels(left, before.note, before.title)

    _change(folder, run, remove)


def note(folder: str | os.PathLike[str], run: str, text: str) -> None:
    """Set the note of a run; an empty one removes it."""
    words = _text("A note", text, NOTE_CHARS)
    _change(folder, run, lambda before: Labels(before.tags, words, before.title))


def rename(folder: str | os.PathLike[str], run: str, title: str) -> None:
    """Set the title of a run; an empty one removes it. Its name stays."""
    words = " ".join(_text("A title", title, TITLE_CHARS).split())
    _change(folder, run, lambda before: Labels(before.tags, before.note, words))


def put(folder: str | os.PathLike[str], run: str, form: Any) -> None:
    """Write labels that came with a bundle, as far as they are some."""
    found = from_json(form)
    if found:
        with _alone(Path(folder)):
            _write(_file(folder, run), found)


def forget(folder: str | os.PathLike[str], run: str) -> None:
    """Remove all labels of a run."""
    with suppress(NotADirectoryError):
        unlink(_file(folder, run), missing_ok=True)


def to_json(labels: Labels) -> dict[str, Any]:
    """Give labels as JSON."""
    return {"tags": list(labels.tags), "note": labels.note, "title": labels.title}


def from_json(form: Any) -> Labels:
    """Read labels that anybody may have written; what is none of ours is left out."""
    if not isinstance(form, Mapping):
        return Labels()
    tags = form.get("tags")
    known = [_plain(one, TAG_CHARS) for one in tags] if isinstance(tags, list) else []
    kept = dict.fromkeys("".join(one.split()) for one in known if one)
    return Labels(
        tuple(one for one in kept if one)[:MOST_TAGS],
        _plain(form.get("note"), NOTE_CHARS),
        " ".join(_plain(form.get("title"), TITLE_CHARS).split()),
    )


def _file(folder: str | os.PathLike[str], run: str) -> Path:
    return Path(folder) / FOLDER / f"{run_name(run)}{SUFFIX}"


def _read(path: Path) -> Labels:
    try:
        if not path.is_file():  # a pipe would be waited for
            return Labels()
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        return from_json(json.loads(data)) if len(data) <= MOST_BYTES else Labels()
    except (OSError, ValueError, RecursionError):
        return Labels()


def _plain(text: Any, most: int) -> str:
    """Give a text that a database can hold: half of a pair, and NUL, are in none."""
    if not isinstance(text, str):
        return ""
    return text[:most].encode("utf-8", "replace").decode().replace("\x00", "").strip()


def _tag(text: str) -> str:
    if not isinstance(text, str):
        raise ArgumentError(f"A tag is a text; got {type(text).__name__}.")
    word = text.removeprefix("#")
    if not word.isprintable() or len(word.split()) != 1 or " " in word:
        raise ArgumentError(f"A tag is one word, such as 'baseline'; got {text[:TAG_CHARS]!r}.")
    if len(word) > TAG_CHARS:
        raise ArgumentError(f"A tag has at most {TAG_CHARS} characters; got {len(word):,}.")
    return "-".join(redaction()(word).split())[:TAG_CHARS]


def _text(what: str, text: str, most: int) -> str:
    if not isinstance(text, str):
        raise ArgumentError(f"{what} is a text; got {type(text).__name__}.")
    if len(text) > most:
        raise ArgumentError(f"{what} has at most {most:,} characters; got {len(text):,}.")
    return _plain(redaction()(text), most)


def _change(folder: str | os.PathLike[str], run: str, changed: Callable[[Labels], Labels]) -> None:
    place, path = Path(folder), _file(folder, run)
    _check_there(place, run)
    try:
        with _alone(place):
            before = _read(path)
            after = changed(before)
            if after != before:
                _write(path, after)
    except OSError as error:
        raise RecordError(
            f"The labels of run {run} cannot be written: {error.strerror or error}."
        ) from None


def _check_there(place: Path, run: str) -> None:
    walk = Walk(file_of(place, run), run)
    # A file is read up to the first line of the run, and no further.
    is_there = next(walk.rows(), None) is not None or bool(walk.faults)
    if not is_there or run in deleted(place):
        raise RecordError(f"There is no run {run!r} in this record.")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until nobody else changes labels: each change is of what was there before."""
    place = folder / FOLDER
    place.mkdir(mode=0o700, exist_ok=True)
    file = open_fd(place / LOCK, os.O_RDWR | os.O_CREAT)
    try:
        lock(file)
        yield
    finally:
        os.close(file)


def _write(path: Path, labels: Labels) -> None:
    if not labels:
        unlink(path, missing_ok=True)
        return
    temporary = path.parent / f"{TEMPORARY}{os.urandom(8).hex()}"
    try:
        temporary.write_bytes(json.dumps(to_json(labels)).encode())
        settle(temporary, path)
    finally:
        unlink(temporary, missing_ok=True)
