"""Acts of a person on runs of the list, on one or many: labels, pins, deletes, exports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

from ...core.errors import ArgumentError, NetfluxError
from ...record import bundle, labels, retention
from ...run.listing import runs
from ...show.parts.numbers import count
from ...show.parts.text import clean

ActVerb = Literal["pin", "unpin", "delete", "tag", "untag", "tags", "note", "rename", "export"]
VERBS: tuple[ActVerb, ...] = get_args(ActVerb)
# Failures that are told, of all.
MOST_SAID = 3
FILE_CHARS = 120

_DONE: Mapping[str, str] = {
    "pin": "pinned",
    "unpin": "unpinned",
    "delete": "deleted",
    "tag": "tagged",
    "untag": "untagged",
    "tags": "tagged",
    "note": "noted",
    "rename": "renamed",
}


def act(folder: Path, verb: ActVerb, names: Sequence[str], value: str) -> tuple[bool, str]:
    """Do something to runs of a record; say whether all went well, and what came of it.

    Args:
        folder: The record.
        verb: What is done.
        names: The runs, by their names.
        value: Tags, as words; a note; a title; or the name of the file to export to.
    """
    if verb == "export":
        return True, _exported(folder, names, value)
    failed: list[str] = []
    for name in names:
        try:
            _one(verb, folder, name, value)
        except (NetfluxError, OSError) as error:
            failed.append(clean(str(error), 200))
    done = len(names) - len(failed)
    said = [f"{count(done, 'run')} {_DONE[verb]}."] if done else []
    said += failed[:MOST_SAID]
    if len(failed) > MOST_SAID:
        said.append(f"{len(failed) - MOST_SAID:,} more could not be {_DONE[verb]}.")
    return not failed, " ".join(said)


def _one(verb: ActVerb, folder: Path, name: str, value: str) -> None:
    words = value.split()
    match verb:
        case "tag":
            if not words:
                raise ArgumentError("A tag is one word, such as 'baseline'.")
            labels.tag(folder, name, words)
        case "untag":
            labels.untag(folder, name, words)
        case "tags":
            _set_tags(folder, name, words)
        case "note":
            labels.note(folder, name, value)
        case "rename":
            labels.rename(folder, name, value)
        case _:
            _KEPT[verb](folder, name)


_KEPT: Mapping[str, Callable[[Path, str], None]] = {
    "pin": retention.pin,
    "unpin": retention.unpin,
    "delete": retention.delete,
}


def _set_tags(folder: Path, name: str, words: Sequence[str]) -> None:
    """Let a run have these tags and no others."""
    wanted = [word.removeprefix("#") for word in words]
    before = labels.labels_of(folder, name).tags
    if gone := [one for one in before if one not in wanted]:
        labels.untag(folder, name, gone)
    if new := [one for one in wanted if one not in before]:
        labels.tag(folder, name, new)


def _exported(folder: Path, names: Sequence[str], value: str) -> str:
    """Write runs into a file beside the notebook, which is not there yet."""
    text = value.strip()
    is_plain = text.isprintable() and text == PurePosixPath(text).name and "\\" not in text
    if not is_plain or text.startswith(".") or len(text) > FILE_CHARS:
        raise ArgumentError("A file is named without a folder, such as 'study.nfrun'.")
    place = bundle.target(Path(text))
    if place.exists():
        raise ArgumentError(f"There is a file {text!r} already. Choose another name.")
    if place.suffix == ".html" and len(names) == 1:
        runs[names[0]].export(place)
    elif place.suffix == ".nfrun":
        bundle.write(folder, names, place)
    else:
        raise ArgumentError(
            "A bundle of runs is named 'study.nfrun', the page of one run 'study.html'."
        )
    return f"{count(len(names), 'run')} written into {place.resolve()}."
