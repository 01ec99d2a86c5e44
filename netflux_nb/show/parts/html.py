"""HTML of at most so many bytes, without script, that reads without its styles too."""

from __future__ import annotations

import re
from html import escape

from ...runtime.safe import visible
from .shown import Shown, room, unbroken

# A list of what belongs below, set in.
LIST = "list-style:none;margin:0 0 0 14px;padding:0"
# A tree of rows in columns. Those without any below them share a table; JupyterLab stripes the rows
# of a `tbody` by their place, which is noise over many small tables.
ROWS, ROWS_END = "<table width=100% style=margin:0><tfoot align=right>", "</table>"
# A row that folds stands in its summary: its table floats beside the marker, and all end at the
# same edge. With fixed widths of the last columns, columns agree at every depth, without styles too.
FOLD_ROW = '<table align=right width=98% style="margin:-5px 0 0;width:calc(100% - 15px)"><tfoot align=right>'
FOLD_ROW_END = "</table><br clear=all></summary>"
BELOW, BELOW_END = f'<ul type=none style="{LIST}"><li>', "</ul></details>"
TEXT = "white-space:pre-wrap;overflow-wrap:anywhere;margin:0;background-color:transparent"
# A notebook leaves an empty line below a paragraph: these belong to what is below them. What
# is written by others holds no `<p>`: it is escaped.
_LINE = "<p style=margin:0>"
_CODE = re.compile(r"`([^`\n]+)`")
# For the line that says how many are left out.
ROOM = 40
# No static view is larger, whatever is asked for.
MOST_BYTES = 200_000


class Page:
    """HTML of at most so many bytes. What is open is always closed."""

    def __init__(self, most: int) -> None:
        self._parts: list[str] = []
        # What stands around it, whoever shows it.
        self.left = room(most)
        self._ends: list[str] = []

    def add(self, chunk: str, *, keep: int = 0) -> bool:
        """Add a chunk and keep so many bytes for later; False where there is no room."""
        chunk = unbroken(chunk).replace("<p>", _LINE)
        size = bytes_of(chunk) + keep
        if size > self.left:
            return False
        self.left -= size
        self._parts.append(chunk)
        return True

    def open(self, begin: str, end: str) -> None:
        """Open what is closed later; its room was kept."""
        self._parts.append(begin)
        self._ends.append(end)

    def begin(self, begin: str, end: str) -> bool:
        """Open what is closed later, where there is room for both ends."""
        if not self.add("", keep=bytes_of(begin + end)):
            return False
        self.open(begin, end)
        return True

    def close(self) -> None:
        """Close what was opened last."""
        self._parts.append(self._ends.pop())

    def more(self, count: int, room: int = ROOM) -> None:
        """Say how many are left out, in the room that was kept for it."""
        self.left += room
        if count:
            self.add(f"<p>… {count:,} more</p>")

    def __str__(self) -> str:
        return "".join([*self._parts, *reversed(self._ends)])


def bytes_of(chunk: str) -> int:
    """Say how many bytes a piece of text takes."""
    return len(chunk) if chunk.isascii() else len(chunk.encode())


def safe(words: str) -> str:
    """Give any text as HTML that shows it, and does nothing else; not for attributes."""
    return escape(visible(words), quote=False)


def sentence(words: str) -> str:
    """Give words of ours as HTML: what stands between two backticks is code."""
    return _CODE.sub(r"<code>\1</code>", safe(words))


def folded(title: str, body: str, *, is_open: bool = False) -> str:
    """Give HTML that is seen when its title, which is HTML too, is clicked."""
    opened = " open" if is_open else ""
    return f"<details style=margin:0{opened}><summary>{title}</summary>{body}</details>"


def block(words: str) -> str:
    """Give a text of many lines as it is."""
    return f'<pre style="{TEXT}">{safe(words)}</pre>'


def message(text: str) -> Shown:
    """Show a text as it is: a sentence, or a block where it has many lines."""
    return Shown(
        text,
        lambda: block(text) if "\n" in text else f"<p>{sentence(text)}</p>",
        "Message",
        is_framed=False,
    )
