"""Notes beside the runs of a record: a few facts that all kernels that use it share.

A file is read and replaced as a whole, by one at a time. One that is damaged says nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..core.errors import RecordError
from ..runtime.host import Notes
from .codecs.artifacts import TEMPORARY, settle
from .os import lock, open_fd, unlink

FOLDER = "notes"
LOCK = ".lock"
MOST_BYTES = 4_000_000


class FileNotes(Notes):
    """Notes that are kept in a file of a record."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__()
        self._path = folder / FOLDER / f"{name}.json"

    @contextmanager
    def turn(self) -> Iterator[dict[str, Any]]:
        """Give the facts, to be read and changed: no process changes them meanwhile."""
        with self.lock:
            try:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                file = open_fd(self._path.parent / LOCK, os.O_RDWR | os.O_CREAT)
            except OSError as error:
                raise self._unwritten(error) from None
            try:
                lock(file)
                before = self._read()
                self.facts = _facts(before)
                yield self.facts
                after = json.dumps(self.facts).encode()
                if after != before and (self.facts or before):
                    self._write(after)
            except OSError as error:
                raise self._unwritten(error) from None
            finally:
                os.close(file)

    def _read(self) -> bytes:
        with suppress(OSError), self._path.open("rb") as file:
            return file.read(MOST_BYTES)
        return b""

    def _write(self, data: bytes) -> None:
        temporary = self._path.parent / f"{TEMPORARY}{os.urandom(8).hex()}"
        try:
            temporary.write_bytes(data)
            settle(temporary, self._path)
        finally:
            unlink(temporary, missing_ok=True)

    def _unwritten(self, error: OSError) -> RecordError:
        return RecordError(f"Notes of the record cannot be kept: {error.strerror or error}.")


def _facts(data: bytes) -> dict[str, Any]:
    with suppress(ValueError, RecursionError):
        found = json.loads(data)
        if isinstance(found, dict):
            return found
    return {}
