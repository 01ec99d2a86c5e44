"""Unfinished runs: those cut off in this record, and the runs that resumed them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Container
from pathlib import Path

from .chain import SUFFIX
from .os import try_lock
from .reading import deleted, files, is_orphan, is_written, owned_lines

# Files of this folder name the runs that others went on as.
RESUMED = "resumed"
# How a claim begins, before the name of its run is known.
BEGINS = "begins in "
# How much is looked through for runs that were cut off. It is done whenever a notebook begins.
_LOOK_BYTES = 16_000_000


def went_on_as(folder: Path, run: str) -> str:
    """Name the run that went on with this one; nothing where none did."""
    try:
        text = (folder / RESUMED / run).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    noted = text.splitlines()
    if not noted or not noted[-1].startswith(BEGINS):
        return noted[-1] if noted else ""
    # Who resumed it failed, or was killed, around the beginning.
    return _begun_in(Path(noted[-1].removeprefix(BEGINS)), run, known=noted)


def is_being_resumed(folder: Path, run: str) -> bool:
    """Say whether somebody goes on with a run, whose own run is not in the record yet."""
    try:
        with (folder / RESUMED / run).open("r+b") as file:
            return not try_lock(file.fileno())
    except FileNotFoundError:
        return False


def _begun_in(folder: Path, run: str, known: Container[str]) -> str:
    """Look through a record for a run that went on with this one, and is not known."""
    of = json.dumps(run).encode()
    for path in reversed(files(folder)):
        for owner, raw in owned_lines(path):
            if owner in known or b'"event":"RunBegan"' not in raw or of not in raw:
                continue
            with contextlib.suppress(ValueError, AttributeError, RecursionError):
                about = json.loads(raw)["info"].get("json", {})
                if (about.get("how"), about.get("of")) == ("resume", run):
                    return owner
    return ""


def left_behind(folder: Path, notebook: str | None = None) -> list[str]:
    """Name the runs that a process left without an end, oldest first, found without a database.

    Only files are looked at that were not packed since. Runs of other notebooks, deleted ones
    and those that were resumed are left out.
    """
    runs: list[str] = []
    room = _LOOK_BYTES
    for path in sorted(folder.glob(f"*{SUFFIX}"), reverse=True):
        try:
            room -= path.stat().st_size
            if room < 0:
                break
            if not is_written(path) or is_orphan(path):
                runs = [*_open_roots(path, notebook), *runs]
        except OSError:
            continue  # packed meanwhile, or not ours to read
    gone = deleted(folder)
    return [run for run in runs if run not in gone and not went_on_as(folder, run)]


def _open_roots(path: Path, notebook: str | None) -> list[str]:
    roots: dict[str, int] = {}
    began: set[str] = set()
    with path.open("rb") as file:
        for line in file:
            opens = b'"event":"NodeOpened"' in line and b'"parent":null' in line
            if not (opens or b'"event":"NodeClosed"' in line or b'"event":"RunBegan"' in line):
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue
            run, node, event = row.get("run"), row.get("node"), row.get("event")
            if event == "NodeOpened" and row.get("parent") is None:
                roots[run] = node
            elif event == "NodeClosed" and roots.get(run) == node:
                del roots[run]
            elif event == "RunBegan":
                about = row.get("info", {}).get("json", {})
                if notebook is None or about.get("notebook") == notebook:
                    began.add(run)
    return [run for run in roots if run in began]
