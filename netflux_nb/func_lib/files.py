"""Looking at files and folders without changing them: read, and list."""

from __future__ import annotations

import errno
import itertools
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..core.errors import UsageError
from ..core.functions.arguments import FunctionArg
from ..core.functions.kinds import CodeFunction
from ..runtime.context import RunContext
from ._patch import edits
from .bounds import Root, folder_of

# Beyond these a model is shown what there is, and where to go on.
MAX_LINES = 2_000
LINE_CHARS = 2_000
MAX_DEPTH = 10
MAX_ENTRIES = 1_000
# A folder with more names than this is not sorted, only begun.
FOLDER_ENTRIES = 20_000
# Where a NUL among the first bytes tells that a file is no text.
PROBE_BYTES = 8_192
PIECE_BYTES = 65_536
# Whether to stop is asked once in so many pieces.
CHECK_EVERY = 256


# Without O_NONBLOCK a pipe that nobody writes to would hold the thread for ever.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)


class FilesException(UsageError, ValueError):  # noqa: N818  as its sisters are called
    """A look at a file or folder that makes no sense."""


class ReadFile(CodeFunction):
    """Reading text files as a Function, a range of lines at a time.

    A file is never read whole: only up to the last line that is shown. With `root`, no path
    leads out of that folder.

    Example:
        >>> ReadFile(root=".").name
        'read_file'
    """

    def __init__(
        self, name: str = "read_file", *, root: str | os.PathLike[str] | None = None
    ) -> None:
        self.root = folder_of(name, root)
        super().__init__(
            name=name,
            desc="Read a text file. Lines are shown as `N|line`; `N|` is not part of the file."
            + _below(root),
            args=[
                FunctionArg("path", str, "The file."),
                FunctionArg("start_line", int, "The first line, from 1.", default=1),
                FunctionArg("max_lines", int, "How many lines at most.", default=MAX_LINES),
            ],
            callable=self.call,
            effect="files",
        )

    def call(
        self, ctx: RunContext, *, path: str, start_line: int = 1, max_lines: int = MAX_LINES
    ) -> str:
        """Give a range of lines.

        Raises:
            FilesException: The file is no text, or the range makes no sense.
            OSError: The system refused; its type is kept.
        """
        if start_line < 1 or max_lines < 1:
            raise FilesException(
                f"start_line is {start_line} and max_lines {max_lines}. Both count from 1."
            )
        with _file(path, self.root) as file:
            _check_text(file, path)
            return _shown(ctx, _lines(ctx, file), start_line, min(max_lines, MAX_LINES))


class ListDirectory(CodeFunction):
    """Listing folders as a Function. Links are named, not followed.

    With `root`, no path leads out of that folder.

    Example:
        >>> ListDirectory(root=".").name
        'list_directory'
    """

    def __init__(
        self, name: str = "list_directory", *, root: str | os.PathLike[str] | None = None
    ) -> None:
        self.root = folder_of(name, root)
        super().__init__(
            name=name,
            desc="List a folder in order of names. Folders end in `/`, links in `@`; files have "
            "their size. Hidden folders are named, but not entered." + _below(root),
            args=[
                FunctionArg("path", str, "The folder.", default="."),
                FunctionArg("depth", int, f"How many levels, 1 to {MAX_DEPTH}.", default=1),
            ],
            callable=self.call,
            effect="files",
        )

    def call(self, ctx: RunContext, *, path: str = ".", depth: int = 1) -> str:
        """Give the names below a folder.

        Raises:
            FilesException: The path leads out of the root, or the depth makes no sense.
            OSError: The system refused; its type is kept.
        """
        if not 1 <= depth <= MAX_DEPTH:
            raise FilesException(f"depth is {depth}; give 1 to {MAX_DEPTH}.")
        with _folder(path, self.root) as folder:
            rows = list(itertools.islice(_below_folder(ctx, folder, "", depth), MAX_ENTRIES + 1))
        if not rows:
            return "[The folder is empty.]"
        shown, count = edits.capped(rows[:MAX_ENTRIES])
        if count < len(rows):
            return f"{shown}\n[The first {count:,} names are shown; there are more.]"
        return shown


def _below(root: str | os.PathLike[str] | None) -> str:
    return "" if root is None else " Paths are below one folder and may be relative to it."


def _opened(path: str, folder: Path | None) -> int:
    root = Root(folder, FilesException)
    try:
        with root.spot(root.place(path)) as spot:
            return spot.open(_READ)
    except OSError as error:
        # As it was asked for: where the root is, is nobody's business.
        raise OSError(error.errno, error.strerror, path[:300]) from None


@contextmanager
def _folder(path: str, root: Path | None) -> Iterator[int | str]:
    """Hold a folder open; its path, where the system opens none."""
    if os.scandir not in os.supports_fd:
        place = Root(root, FilesException).place(path)
        if not place.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "It is no folder", path[:300])
        yield str(place)
        return
    folder = _opened(path, root)
    try:
        if not stat.S_ISDIR(os.fstat(folder).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "It is a file, not a folder", path)
        yield folder
    finally:
        os.close(folder)


def _file(path: str, root: Path | None) -> IO[bytes]:
    fd = _opened(path, root)
    mode = os.fstat(fd).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(fd, "rb", PIECE_BYTES)
    os.close(fd)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "It is a folder, not a file", path)
    raise FilesException(f"{path[:300]!r} is no plain file, so it has no lines.")


def _check_text(file: IO[bytes], path: str) -> None:
    probe = file.read(PROBE_BYTES)
    file.seek(0)
    if b"\0" in probe:
        raise FilesException(
            f"{path[:300]!r} is no text: byte {probe.index(0):,} of "
            f"{os.fstat(file.fileno()).st_size:,} is NUL."
        )


def _lines(ctx: RunContext, file: IO[bytes]) -> Iterator[tuple[str, bool]]:
    """Give each line, long ones cut, and whether all of it was UTF-8."""
    asked = itertools.count()
    while piece := file.readline(PIECE_BYTES):
        kept, more = piece, 0
        if next(asked) % CHECK_EVERY == 0:
            ctx.check()
        while not piece.endswith(b"\n") and (piece := file.readline(PIECE_BYTES)):
            more += len(piece.rstrip(b"\r\n"))
            if next(asked) % CHECK_EVERY == 0:
                ctx.check()
        text = kept.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace")
        whole = "\N{REPLACEMENT CHARACTER}" not in text or "\ufffd".encode() in kept
        more += max(0, len(text) - LINE_CHARS)
        text = text[:LINE_CHARS].replace("\0", "\N{REPLACEMENT CHARACTER}")
        yield (f"{text}… ({more:,} more)" if more else text), whole


def _shown(ctx: RunContext, lines: Iterator[tuple[str, bool]], first: int, most: int) -> str:
    passed = sum(1 for _ in itertools.islice(lines, first - 1))
    if passed < first - 1:
        raise FilesException(
            f"start_line is {first}, and the file has {edits.plural(passed, 'line')}."
        )
    rows: list[str] = []
    size, odd, more = 0, 0, False
    for number, (line, whole) in enumerate(lines, first):
        row = f"{number}|{line}"
        size += len(row) + 1
        if len(rows) == most or (rows and size > edits.CAP_CHARS):
            more = True
            break
        rows.append(row)
        odd += not whole
    if not rows:
        return "[The file is empty.]" if first == 1 else f"[The file ends at line {first - 1:,}.]"
    if odd:
        rows.append(
            f"[Not UTF-8, shown with \N{REPLACEMENT CHARACTER}: {edits.plural(odd, 'line')}.]"
        )
    if more:
        rows.append(f"[There is more. Go on with start_line={first + len(rows) - bool(odd)}.]")
    return "\n".join(rows)


def _below_folder(ctx: RunContext, folder: int | str, prefix: str, depth: int) -> Iterator[str]:
    """Name what is below an open folder, each folder's inside after its name."""
    ctx.check()
    with os.scandir(folder) as entries:
        first = list(itertools.islice(entries, FOLDER_ENTRIES + 1))
    for entry in sorted(first[:FOLDER_ENTRIES], key=lambda e: e.name):
        shown = prefix + entry.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        if entry.is_symlink():
            yield f"{shown}@"
        elif entry.is_dir(follow_symlinks=False):
            yield f"{shown}/"
            if depth > 1 and not entry.name.startswith("."):
                yield from _inside(ctx, folder, entry.name, f"{shown}/", depth - 1)
        else:
            yield f"{shown}{_size(entry)}"
    if len(first) > FOLDER_ENTRIES:
        yield f"{prefix}[more than {FOLDER_ENTRIES:,} names]"


def _size(entry: os.DirEntry[str]) -> str:
    try:
        return f"  {edits.plural(entry.stat(follow_symlinks=False).st_size, 'byte')}"
    except OSError:  # it went away meanwhile
        return ""


def _inside(
    ctx: RunContext, folder: int | str, name: str, prefix: str, depth: int
) -> Iterator[str]:
    try:
        inner = Path(folder, name) if isinstance(folder, str) else None
        fd = -1 if inner else os.open(name, _FOLDER, dir_fd=int(folder))
    except OSError as error:
        yield f"{prefix}[{error.strerror}]"
        return
    try:
        yield from _below_folder(ctx, str(inner) if inner else fd, prefix, depth)
    finally:
        if fd >= 0:
            os.close(fd)


read_file = ReadFile()
list_directory = ListDirectory()

__all__ = ["FilesException", "ListDirectory", "ReadFile", "list_directory", "read_file"]
