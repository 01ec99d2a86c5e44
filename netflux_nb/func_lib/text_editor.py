"""The text editor that agents use: view, create, replace, insert."""

from __future__ import annotations

import errno
import itertools
import os
import threading
from collections.abc import Callable
from pathlib import Path

from ..core.functions.arguments import FunctionArg
from ..core.functions.kinds import CodeFunction
from ..runtime.bags import SessionScope
from ..runtime.context import RunContext
from ._patch import edits
from ._patch.edits import Edit, TextEditorException
from .bounds import Root, Spot, Stamp, encoded, folder_of, read_text, staged, swapping

# Names tried beside a file that is there already.
MOST_ALTERNATES = 1_000

# For each command: what it must be given, and what it may be given.
COMMANDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "view": ((), ("view_start_line", "view_end_line")),
    "create": (("file_text",), ()),
    "str_replace": (("old_str", "new_str"), ()),
    "insert": (("insert_line", "new_str"), ()),
}

_DESC = """\
View, create and edit UTF-8 text files. Each command takes only the arguments named here.
- view: path, and view_start_line, view_end_line if wanted. Lines are shown as `N|line`; \
`N|` is not part of the file. On a folder it lists one level, folders with a `/` at the end.
- create: path, file_text. A file that is there already is kept: the text goes to a new \
file beside it, and the answer names that file.
- str_replace: path, old_str, new_str. old_str must be in the file exactly once, white \
space included. An empty new_str deletes it.
- insert: path, insert_line, new_str. The text becomes lines of its own after line \
insert_line; 0 puts it at the top."""

_PATH = "The file, or for `view` also a folder."
_ARGS = [
    FunctionArg("command", str, "What to do.", enum=set(COMMANDS)),
    FunctionArg("path", str, f"{_PATH} Best an absolute path."),
    FunctionArg("old_str", str, "str_replace: the text that is replaced.", optional=True),
    FunctionArg(
        "new_str", str, "str_replace: what takes its place. insert: the new text.", optional=True
    ),
    FunctionArg("file_text", str, "create: all of the new file.", optional=True),
    FunctionArg("insert_line", int, "insert: the line to insert after.", optional=True),
    FunctionArg("view_start_line", int, "view: the first line, from 1.", optional=True),
    FunctionArg("view_end_line", int, "view: the last line; -1 is the end.", optional=True),
]


class TextEditor(CodeFunction):
    """An editor of text files as a Function. Edits of one file in one tree take turns.

    With `root`, no path leads out of that folder: not `..`, a link, or an absolute path.

    Example:
        >>> TextEditor(root=".").name
        'text_editor'
    """

    _FILE_LOCK_NAMESPACE = "text_editor.file_lock"

    def __init__(
        self, name: str = "text_editor", *, root: str | os.PathLike[str] | None = None
    ) -> None:
        self.root = folder_of(name, root)
        below, args = "", _ARGS
        if root is not None:
            below = " Paths are below one folder and may be relative to it."
            args = [_ARGS[0], FunctionArg("path", str, _PATH), *_ARGS[2:]]
        super().__init__(
            name=name, desc=_DESC + below, args=args, callable=self.call, effect="files"
        )

    def call(
        self,
        ctx: RunContext,
        *,
        command: str,
        path: str,
        old_str: str | None = None,
        new_str: str | None = None,
        file_text: str | None = None,
        insert_line: int | None = None,
        view_start_line: int | None = None,
        view_end_line: int | None = None,
    ) -> str:
        """Run one command and say what came of it.

        Raises:
            TextEditorException: The call makes no sense for this file.
            OSError: The system refused; its type is kept.
        """
        given = {
            "old_str": old_str,
            "new_str": new_str,
            "file_text": file_text,
            "insert_line": insert_line,
            "view_start_line": view_start_line,
            "view_end_line": view_end_line,
        }
        _check_given(command, {name for name, value in given.items() if value is not None})
        root = Root(self.root, TextEditorException)
        place = root.place(path)
        new, old, line = new_str or "", old_str or "", insert_line or 0
        with file_lock(ctx, place):
            if command == "view":
                return _view(root, place, path, view_start_line, view_end_line)
            if command == "create":
                return _create(root, place, path, file_text or "")
            if command == "insert":
                how, change = "Inserted", lambda t: edits.insert_after(t, line, new)
            else:
                how, change = "Replaced", lambda t: edits.replace_once(t, old, new)
            return _edit(place, path, how, change, root)

    @staticmethod
    def _file_lock_key(place: str | os.PathLike[str]) -> str:
        return os.path.realpath(place)


def file_lock(ctx: RunContext, place: Path) -> threading.Lock:
    """Give the lock that guards one file within one tree."""
    key = TextEditor._file_lock_key(place)
    space = TextEditor._FILE_LOCK_NAMESPACE
    lock: threading.Lock = ctx.get_or_put(SessionScope.TopLevel, space, key, threading.Lock)
    return lock


def _check_given(command: str, given: set[str]) -> None:
    if command not in COMMANDS:
        raise TextEditorException(
            f"{command[:80]!r} is no command. There is: {', '.join(sorted(COMMANDS))}."
        )
    needed, allowed = COMMANDS[command]
    takes = ", ".join(["path", *needed, *allowed])
    if missing := [name for name in needed if name not in given]:
        raise TextEditorException(
            f"`{command}` was not given {' and '.join(missing)}. It takes: {takes}."
        )
    if extra := sorted(given - {*needed, *allowed}):
        raise TextEditorException(
            f"`{command}` takes no {', '.join(extra)}. It takes: {takes}. Leave the rest out."
        )


def _view(root: Root, place: Path, path: str, start: int | None, end: int | None) -> str:
    if not place.is_dir():
        with root.spot(place) as spot:
            return edits.view(read_text(spot, path, TextEditorException)[0], start, end)
    if start is not None or end is not None:
        raise TextEditorException(
            f"{path!r} is a folder, which has no lines. Leave view_start_line and "
            f"view_end_line out."
        )
    with root.listing(place) as entries:
        names = sorted(f"{_shown(e.name)}/" if e.is_dir() else _shown(e.name) for e in entries)
    if not names:
        return "[The folder is empty.]"
    shown, count = edits.capped(names)
    if count == len(names):
        return shown
    return (
        f"{shown}\n[Cut at {edits.CAP_CHARS:,} characters: {count:,} of {len(names):,} "
        f"names are shown.]"
    )


def _shown(name: str) -> str:
    # A name may hold line ends, or bytes that are no text.
    return name if name.isprintable() else repr(name)


def _create(root: Root, place: Path, path: str, text: str) -> str:
    data = encoded(text, TextEditorException)
    if place.is_dir():
        raise IsADirectoryError(errno.EISDIR, "It is a folder, not a file", path)
    with root.spot(place, made=[]) as spot:
        made = _reserved(spot)
        try:
            _replace(made, data, None)
        except BaseException:
            made.unlink()
            raise
    size = edits.plural(len(edits.lines_of(text)), "line")
    if made == spot:
        return f"Created {path!r} with {size}."
    beside = made.place if root.folder is None else made.place.relative_to(root.folder)
    return (
        f"{path!r} is there already and was not changed. The text, {size}, is in a new file "
        f"beside it: {str(beside)!r}. Use `str_replace` or `insert` to change the old one."
    )


def _reserved(spot: Spot) -> Spot:
    """Take a name that nobody has: the one asked for, or one beside it."""
    stem, end = spot.place.stem, spot.place.suffix
    others = (spot.beside(f"{stem}_alt{n}{end}") for n in range(1, MOST_ALTERNATES + 1))
    for one in itertools.chain([spot], others):
        try:
            os.close(one.open(os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            continue
        return one
    raise FileExistsError(
        errno.EEXIST, f"It and {MOST_ALTERNATES:,} names beside it are taken", str(spot.place)
    )


def _edit(
    place: Path, path: str, done: str, change: Callable[[str], Edit], root: Root | None = None
) -> str:
    with (root or Root()).spot(place) as spot:
        text, stamp = read_text(spot, path, TextEditorException)
        try:
            edit = change(text)
        except TextEditorException as error:
            raise TextEditorException(f"{path!r}: {error}") from None
        if not os.access(spot.at, os.W_OK, dir_fd=spot.fd):
            raise PermissionError(errno.EACCES, "The file may not be written", path)
        _replace(spot, encoded(edit.text, TextEditorException), stamp, path)
    at = f"line {edit.first}" if edit.last <= edit.first else f"lines {edit.first}-{edit.last}"
    return f"{done} at {at} of {path!r}.{edit.note}\n{edit.around()}"


def _replace(spot: Spot, data: bytes, read: Stamp | None, path: str = "") -> None:
    """Put new bytes in a file's place in one step, unless it changed since it was read."""
    temp = staged(spot, data, read.mode if read else None)
    try:
        with swapping:
            if read is not None and Stamp.of(spot.status()) != read:
                raise TextEditorException(
                    f"{path!r} was changed by somebody else while it was edited here, so "
                    f"nothing was written. `view` it and edit again."
                )
            spot.take(temp)
    except BaseException:
        temp.unlink()
        raise


text_editor = TextEditor()

__all__ = ["TextEditor", "TextEditorException", "text_editor"]
