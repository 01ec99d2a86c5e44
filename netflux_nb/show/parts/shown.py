"""`Shown`: one view, as text for a terminal and as static HTML for a notebook."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Any

from ...core.errors import stringify
from ...runtime.safe import Safe, visible

# Beside the HTML, a notebook keeps text for those who read nothing else.
PLAIN_CHARS = 8_000
MARKDOWN_CHARS = 4_000
# JupyterLab and nbviewer set what stands between two $ as mathematics: sums of money, and what
# a prompt holds. MathJax leaves alone what has one of these, by its version.
BEGIN = '<div class="tex2jax_ignore mathjax_ignore">'
END = "</div>"
AROUND_BYTES = len(BEGIN + END)
# A line end before an empty line.
_BLANK = re.compile(r"\n(?=[ \t]*\n)")


def unbroken(html: str) -> str:
    """Give HTML without an empty line: in a file of Markdown, what follows one is Markdown."""
    return _BLANK.sub("&#10;", html) if "\n" in html else html


class Shown:
    """One thing to look at. `str()` of it is text; a notebook shows its HTML, without script.

    The HTML is made when somebody asks for it, and is bounded by whoever makes it.
    """

    def __init__(self, text: str, html: Callable[[], str], name: str = "Shown") -> None:
        self._text = text
        self._html = html
        self._name = name

    @cached_property
    def _safe(self) -> Safe:
        # Whole, then cut: half a key is not known as one.
        return visible(self._text)

    @property
    def inner(self) -> str:
        """Give its HTML for a place within another."""
        return self._html()

    @property
    def html(self) -> str:
        """Give it as one static piece of HTML."""
        inner = self.inner
        return f"{BEGIN}{unbroken(inner)}{END}" if inner else ""

    @property
    def markdown(self) -> str:
        """Give it as Markdown: its text, in a block that nothing in it can end."""
        body = _cut(self._safe, MARKDOWN_CHARS)
        longest = max((len(run) for run in re.findall("`+", body)), default=0)
        fence = "`" * max(3, longest + 1)
        return f"{fence}text\n{body}\n{fence}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        bundle = {"text/plain": _cut(self._safe, PLAIN_CHARS)}
        try:
            bundle["text/html"] = self.html
        except Exception as error:  # noqa: BLE001  IPython would swallow it and show nothing
            bundle["text/plain"] += f"\n({self._name} could not be drawn: {stringify(error, 200)})"
            return bundle
        bundle["text/markdown"] = self.markdown
        return bundle

    def __str__(self) -> str:
        return str.__str__(self._safe)

    def __repr__(self) -> str:
        return f"<{self._name}, {len(self._text.splitlines()):,} lines>"


def _cut(text: str, most: int) -> str:
    """Keep whole lines."""
    if len(text) <= most:
        return text
    head = text[:most]
    kept = head[: head.rfind("\n")] if "\n" in head else head
    left = len(text[len(kept) :].splitlines())
    return f"{kept}\n… ({left:,} more lines; `print` shows them)"
