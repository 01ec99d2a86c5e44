"""The text editor that agents use: view, create, replace, insert."""

from __future__ import annotations

import errno
import itertools
import os
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..core.arguments import FunctionArg
from ..core.functions import CodeFunction
from ..runtime.context import RunContext, SessionScope
from . import edits
from .edits import Edit, TextEditorException

# A larger file is no text that anybody edits by hand; reading it would fill the memory.
MAX_BYTES = 10_000_000
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

_ARGS = [
    FunctionArg("command", str, "What to do.", enum=set(COMMANDS)),
    FunctionArg("path", str, "The file, or for `view` also a folder. Best an absolute path."),
    FunctionArg("old_str", str, "str_replace: the text that is replaced.", optional=True),
    FunctionArg(
        "new_str", str, "str_replace: what takes its place. insert: the new text.", optional=True
    ),
    FunctionArg("file_text", str, "create: all of the new file.", optional=True),
    FunctionArg("insert_line", int, "insert: the line to insert after.", optional=True),
    FunctionArg("view_start_line", int, "view: the first line, from 1.", optional=True),
    FunctionArg("view_end_line", int, "view: the last line; -1 is the end.", optional=True),
]

_serial = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which file was read, and how it was then."""

    inode: int
    size_bytes: int
    mtime_ns: int
    mode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """Take a stamp."""
        mode = stat.S_IMODE(status.st_mode)
        return cls(status.st_ino, status.st_size, status.st_mtime_ns, mode)


class TextEditor(CodeFunction):
    """An editor of text files as a Function. Edits of one file in one tree take turns.

    With `root`, no path leads out of that folder: not `..`, a link, or an absolute path.

    Example:
        >>> TextEditor(root="/srv/project").name
        'text_editor'
    """

    _FILE_LOCK_NAMESPACE = "text_editor.file_lock"

    def __init__(
        self, name: str = "text_editor", *, root: str | os.PathLike[str] | None = None
    ) -> None:
        self.root = None if root is None else Path(root)
        below = "" if root is None else " Paths are below one folder and may be relative to it."
        super().__init__(
            name=name, desc=_DESC + below, args=_ARGS, callable=self.call, effect="files"
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
        place = self._place(path)
        with self._file_lock(ctx, place):
            if command == "view":
                return _view(place, path, view_start_line, view_end_line)
            if command == "create":
                return _create(place, path, file_text or "")
            new = new_str or ""
            if command == "insert":
                line = insert_line or 0
                return _edit(place, path, "Inserted", lambda t: edits.insert_after(t, line, new))
            old = old_str or ""
            return _edit(place, path, "Replaced", lambda t: edits.replace_once(t, old, new))

    def _place(self, path: str) -> Path:
        """Follow links to the file that is meant, and refuse one outside of the root."""
        if not path or "\0" in path:
            raise TextEditorException(f"{path[:80]!r} is no path. Give the path of a file.")
        if self.root is None:
            return Path(os.path.realpath(path))
        root = Path(os.path.realpath(self.root))
        place = Path(os.path.realpath(root / path))
        if not place.is_relative_to(root):
            raise TextEditorException(
                f"{path[:80]!r} leads out of the folder that this editor may use. Give a "
                f"path inside it."
            )
        return place

    @staticmethod
    def _file_lock_key(place: str | os.PathLike[str]) -> str:
        return os.path.realpath(place)

    def _file_lock(self, ctx: RunContext, place: Path) -> threading.Lock:
        """Give the lock that guards one file within one tree."""
        lock: threading.Lock = ctx.get_or_put(
            SessionScope.TopLevel,
            self._FILE_LOCK_NAMESPACE,
            self._file_lock_key(place),
            threading.Lock,
        )
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


def _view(place: Path, path: str, start: int | None, end: int | None) -> str:
    if not place.is_dir():
        return edits.view(_read(place, path)[0], start, end)
    if start is not None or end is not None:
        raise TextEditorException(
            f"{path!r} is a folder, which has no lines. Leave view_start_line and "
            f"view_end_line out."
        )
    with os.scandir(place) as entries:
        names = sorted(f"{e.name}/" if e.is_dir() else e.name for e in entries)
    if not names:
        return "[The folder is empty.]"
    shown, count = edits.capped(names)
    if count == len(names):
        return shown
    return (
        f"{shown}\n[Cut at {edits.CAP_CHARS:,} characters: {count:,} of {len(names):,} "
        f"names are shown.]"
    )


def _create(place: Path, path: str, text: str) -> str:
    data = _encoded(text)
    if place.is_dir():
        raise IsADirectoryError(errno.EISDIR, "It is a folder, not a file", path)
    place.parent.mkdir(parents=True, exist_ok=True)
    made = _reserved(place)
    try:
        _replace(made, data, None)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    size = edits.plural(len(edits.lines_of(text)), "line")
    if made == place:
        return f"Created {path!r} with {size}."
    return (
        f"{path!r} is there already and was not changed. The text, {size}, is in a new file "
        f"beside it: {str(made)!r}. Use `str_replace` or `insert` to change the old one."
    )


def _reserved(place: Path) -> Path:
    """Take a name that nobody has: the one asked for, or one beside it."""
    others = (
        place.with_name(f"{place.stem}_alt{n}{place.suffix}") for n in range(1, MOST_ALTERNATES + 1)
    )
    for one in itertools.chain([place], others):
        try:
            os.close(os.open(one, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError:
            continue
        return one
    raise FileExistsError(
        errno.EEXIST, f"It and {MOST_ALTERNATES:,} names beside it are taken", str(place)
    )


def _edit(place: Path, path: str, done: str, change: Callable[[str], Edit]) -> str:
    text, stamp = _read(place, path)
    try:
        edit = change(text)
    except TextEditorException as error:
        raise TextEditorException(f"{path!r}: {error}") from None
    if not os.access(place, os.W_OK):
        raise PermissionError(errno.EACCES, "The file may not be written", path)
    _replace(place, _encoded(edit.text), stamp, path)
    at = f"line {edit.first}" if edit.last <= edit.first else f"lines {edit.first}-{edit.last}"
    return f"{done} at {at} of {path!r}.{edit.note}\n{edit.around()}"


def _read(place: Path, path: str) -> tuple[str, Stamp]:
    """Give a file's text, its line ends untouched, and how it was when it was opened."""
    # Without O_NONBLOCK a pipe that nobody writes to would hold this thread for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(place, flags), "rb") as file:
        status = os.fstat(file.fileno())
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, "It is a folder, not a file", path)
        if not stat.S_ISREG(status.st_mode):
            raise TextEditorException(f"{path!r} is no plain file, so it has no text to edit.")
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise TextEditorException(
            f"{path!r} has {max(status.st_size, len(data)):,} bytes; the editor reads up to "
            f"{MAX_BYTES:,}. Split it, or use another tool."
        )
    try:
        return data.decode("utf-8"), Stamp.of(status)
    except UnicodeDecodeError as error:
        raise TextEditorException(
            f"{path!r} is not UTF-8 text: byte {error.start:,} is 0x{data[error.start]:02x}. "
            f"The editor does not open it."
        ) from None


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise TextEditorException(
            f"Character {error.start:,} of the text is {text[error.start]!a}, half of a pair "
            f"that UTF-8 cannot hold. Write the whole character."
        ) from None


def _replace(place: Path, data: bytes, read: Stamp | None, path: str = "") -> None:
    """Put new bytes in a file's place in one step, unless it changed since it was read."""
    temp, file = _temporary(place.parent)
    try:
        with os.fdopen(file, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        if read is not None:
            temp.chmod(read.mode)
            if Stamp.of(place.stat()) != read:
                raise TextEditorException(
                    f"{path!r} was changed by somebody else while it was edited here, so "
                    f"nothing was written. `view` it and edit again."
                )
        temp.replace(place)
    except BaseException:
        temp.unlink(missing_ok=True)
        raise


def _temporary(folder: Path) -> tuple[Path, int]:
    # Not `tempfile`: its files are private, and only the system knows the umask safely.
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
    while True:
        temp = folder / f".text_editor-{os.getpid()}-{next(_serial)}.tmp"
        try:
            return temp, os.open(temp, flags, 0o666)
        except FileExistsError:  # left by a process that had this id and died
            continue


text_editor = TextEditor()

__all__ = ["TextEditor", "TextEditorException", "text_editor"]
