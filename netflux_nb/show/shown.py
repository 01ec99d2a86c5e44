"""What is shown: the same thing as text for a terminal and as static HTML for a notebook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Shown:
    """One thing to look at. `str()` of it is text; a notebook shows its HTML, without script.

    The HTML is made when somebody asks for it, and is bounded by whoever makes it.
    """

    def __init__(self, text: str, html: Callable[[], str], name: str = "Shown") -> None:
        self._text = text
        self._html = html
        self._name = name

    @property
    def html(self) -> str:
        """Give it as one static piece of HTML."""
        return self._html()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": self._text, "text/html": self.html}

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"<{self._name}, {len(self._text.splitlines()):,} lines>"
