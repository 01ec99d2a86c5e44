"""Large values, each kept once in a file that is named by its hash."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any


class Artifacts:
    """A folder of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "artifacts"

    def put(self, data: bytes) -> str:
        """Keep it."""
        name = hashlib.sha256(data).hexdigest()
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return name

    def sync(self) -> None:
        """Sync."""

    def get(self, digest: str, *, most_bytes: int = 1 << 30) -> bytes:
        """Give it."""
        return self.path(digest).read_bytes()

    def path(self, digest: str) -> Path:
        """Where it is."""
        return self._folder / digest[:2] / digest[2:]


def encoded(value: Any) -> tuple[str, bytes] | None:
    """Encode."""
    return ("bytes", bytes(value)) if isinstance(value, bytearray) else None


def decoded(kind: str, data: bytes) -> Any:
    """Decode."""
    return data
