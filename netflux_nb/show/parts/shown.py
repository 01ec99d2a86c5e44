"""`Shown`: one view, as text for a terminal and as static HTML for a notebook."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

from ...core.errors import stringify
from ...core.text.markdown import escaped
from ...runtime.safe import Safe, visible
from . import look

# Beside the HTML, a notebook keeps text for those who read nothing else.
PLAIN_CHARS = 8_000
MARKDOWN_CHARS = 4_000
# JupyterLab and nbviewer set what stands between two $ as mathematics: sums of money, and what
# a prompt holds. MathJax leaves alone what has one of these, by its version.
_PLAIN = '<div class="tex2jax_ignore mathjax_ignore">'
# The look comes along: a page that knows nothing of us shows it too. It stands within: HTML that
# begins with a style ends, for Markdown, with the line that the style ends in.
_STYLE = f"<style>{look.SHEET}</style>"
END = "</div>"
_AROUND_BYTES = len(END) + 120
# Of HTML that may take less, the sheet is not counted: it would take the place of what is shown.
_SMALL_BYTES = 10_000
# A line end before an empty line.
_BLANK = re.compile(r"\n(?=[ \t]*\n)")


def room(most: int) -> int:
    """Give the bytes that are left of so many for what is shown, beside its frame and sheet."""
    return most - _AROUND_BYTES - (len(_STYLE) if most >= _SMALL_BYTES else 0)


def unbroken(html: str) -> str:
    """Give HTML without an empty line: in a file of Markdown, what follows one is Markdown."""
    return _BLANK.sub("&#10;", html) if "\n" in html else html


def in_markdown(words: str) -> str:
    """Give any text as one line of Markdown that shows it, and does nothing else."""
    return escaped(visible(words))


class Shown:
    """One thing to look at. `str()` of it is text; a notebook shows its HTML, without script.

    The HTML is made when somebody asks for it, and is bounded by whoever makes it.
    """

    def __init__(
        self,
        text: str,
        html: Callable[[], str],
        name: str = "Shown",
        *,
        markdown: Callable[[], Iterable[str]] | None = None,
        kind: str = "",
        is_framed: bool = True,
    ) -> None:
        self._text = text
        self._html = html
        self._name = name
        # Its lines, in which what others wrote is escaped.
        self._markdown = markdown
        # A class of the look, such as that of a tree.
        self._kind = kind
        self._is_framed = is_framed

    @cached_property
    def _safe(self) -> Safe:
        # Whole, then cut: half a key is not known as one.
        return visible(self._text)

    @property
    def inner(self) -> str:
        """Give its HTML for a place within another."""
        return self._html()

    @property
    def framed(self) -> str:
        """Give its HTML for a page that has the sheet already."""
        return self._whole("")

    @property
    def html(self) -> str:
        """Give it as one static piece of HTML."""
        return self._whole(_STYLE)

    def _whole(self, style: str) -> str:
        inner = self.inner
        if not inner:
            return ""
        if not self._is_framed:
            return f"{_PLAIN}{unbroken(inner)}{END}"
        kind = f"{self._kind} " if self._kind else ""
        names = f"{look.ROOT} {kind}tex2jax_ignore mathjax_ignore"
        begin = f'<div class="{names}" style="max-width:{look.WIDEST}px">'
        return f"{begin}{style}{unbroken(inner)}{END}"

    @property
    def markdown(self) -> str:
        """Give it as Markdown: tables as tables; where it has no such form, its text in a block."""
        return self.markdown_within(MARKDOWN_CHARS)

    def markdown_within(self, most: int) -> str:
        """Give it as Markdown of about so many characters at most, in whole lines."""
        if self._markdown is not None:
            return whole_lines(self._markdown(), most)
        body = _cut(self._safe, most)
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


def whole_lines(lines: Iterable[str], most: int) -> str:
    """Give the first lines of Markdown, in about so many characters. What comes after is counted, below an empty line: it is of no table."""
    kept: list[str] = []
    left = 0
    for row in lines:
        most -= len(row) + 1
        if most >= 0 and not left:
            kept.append(row)
        else:
            left += bool(row)
    return "\n".join([*kept, *(["", f"… {left:,} more lines"] if left else [])])


def _cut(text: str, most: int) -> str:
    """Keep whole lines."""
    if len(text) <= most:
        return text
    head = text[:most]
    kept = head[: head.rfind("\n")] if "\n" in head else head
    left = len(text[len(kept) :].splitlines())
    return f"{kept}\n… ({left:,} more lines; `print` shows them)"
