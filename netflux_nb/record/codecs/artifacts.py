"""Large values: bytes kept once under their hash, and the forms that values take as bytes."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import math
import os
import re
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from ...core.errors import ArgumentError, RecordError, stringify
from ...core.json.canonical import untagged
from ..os import open_fd, replace, sync_path, unlink
from .containers import HOLDERS, mixed_bytes, mixed_of, mixed_words
from .frame_bytes import MOST_CELLS, UNFIT, frame_bytes, frame_of
from .texts import array_words, frame_words

if TYPE_CHECKING:
    import numpy as np

FOLDER = "artifacts"
# A file under such a name is on its way in, or was left by a power cut.
TEMPORARY = ".new-"
# More in one piece is no value of a call.
MOST_BYTES = 1_000_000_000

Kind = Literal["json", "text", "bytes", "frame", "array", "mixed"]

# Of an array's header; numpy takes no longer one.
_MOST_HEADER = 10_000
_DIGEST = re.compile(r"[0-9a-f]{64}")


def digest_of(data: bytes) -> str:
    """Give the name that bytes are kept under: their SHA-256."""
    return hashlib.sha256(data).hexdigest()


class Artifacts:
    """Bytes of a record, each kept once in a file named by its hash.

    Any number of threads and processes may put the same bytes at once. A file is complete
    from the moment it has its name.

    Args:
        folder: The record's folder. The files are in `artifacts` below it.

    Example:
        >>> import tempfile
        >>> kept = Artifacts(tempfile.mkdtemp())
        >>> kept.get(kept.put(b"a long text"))
        b'a long text'
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        sync_path: Callable[[Path], object] = sync_path,
    ) -> None:
        self._folder = Path(folder) / FOLDER
        self._sync_path = sync_path
        self._guard = threading.Lock()  # guards the two sets
        self._unsynced: set[str] = set()
        self._sound: set[str] = set()

    def path(self, digest: str) -> Path:
        """Say where the bytes of a hash are, or would be."""
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise RecordError(
                f"{str(digest)[:80]!r} names no artifact. It has 64 lower-case hex digits."
            )
        return self._folder / digest[:2] / digest[2:]

    def has(self, digest: str) -> bool:
        """True where there is a file of that hash; what is in it is seen by `get`."""
        return self.path(digest).is_file()

    def put(self, data: bytes) -> str:
        """Keep bytes and give their hash. They outlive the machine after `sync`."""
        digest = digest_of(data)
        path = self.path(digest)
        if not self._is_kept(digest, path):
            self._write(path, data)
        with self._guard:
            self._sound.add(digest)
            self._unsynced.add(digest)
        return digest

    def _is_kept(self, digest: str, path: Path) -> bool:
        try:
            # Young again: who clears up spares what somebody is just putting.
            os.utime(path)
            with self._guard:
                if digest in self._sound:
                    return True
            # A power cut may have left the name without the bytes.
            return digest_of(path.read_bytes()) == digest
        except OSError:
            return False

    def _write(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.parent / f"{TEMPORARY}{os.urandom(8).hex()}"
        file = open_fd(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            try:
                rest = memoryview(data)
                while rest:  # a full disk may take a part
                    rest = rest[os.write(file, rest) :]
            finally:
                os.close(file)
            replace(temporary, path)
        except OSError:
            unlink(temporary, missing_ok=True)
            raise

    def sync(self) -> None:
        """Wait until all that was put is on the disk. After an `OSError` it can be tried again."""
        with self._guard:
            waiting, self._unsynced = self._unsynced, set()
        if not waiting:
            return
        paths = [self.path(digest) for digest in waiting]
        folders = {path.parent for path in paths} | {self._folder, self._folder.parent}
        try:
            for path in [*paths, *sorted(folders)]:
                self._sync_path(path)
        except OSError:
            with self._guard:
                self._unsynced |= waiting
            raise

    def get(self, digest: str, *, most_bytes: int = MOST_BYTES) -> bytes:
        """Give the bytes of a hash. Raises `RecordError` unless they are just those."""
        path = self.path(digest)
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size > most_bytes:
                    raise RecordError(
                        f"Artifact {digest[:12]} has {size:,} bytes, of {most_bytes:,}."
                    )
                data = file.read(size + 1)
        except FileNotFoundError:
            raise RecordError(
                f"Artifact {digest[:12]} is missing: {path.parent.name}/{path.name[:8]}…."
            ) from None
        except OSError as error:
            raise RecordError(f"Artifact {digest[:12]} cannot be read: {error}.") from None
        if digest_of(data) != digest:
            raise RecordError(f"Artifact {digest[:12]} is not as it was written.")
        return data

    def __iter__(self) -> Iterator[tuple[str, int]]:
        for folder in sorted(self._folder.glob("[0-9a-f][0-9a-f]/")):
            for path in sorted(folder.iterdir()):
                digest = folder.name + path.name
                if _DIGEST.fullmatch(digest) and path.is_file():
                    try:
                        yield digest, path.stat().st_size
                    except FileNotFoundError:
                        continue  # cleared up meanwhile


def settle(temporary: Path, target: Path) -> None:
    """Give a file its name once it is on the disk."""
    temporary.chmod(0o600)
    sync_path(temporary)
    replace(temporary, target)
    sync_path(target.parent)


def encoded(value: Any) -> tuple[str, bytes] | None:
    r"""Give the kind and the bytes of a value that is too much for JSON.

    That is a DataFrame or a Series of pandas, an array of numpy, a dict, a list or a tuple
    that holds some of these, or bytes. None for any other, and for one that would not come
    back exactly as it is. Nothing is imported to find out, and nothing is pickled.

    Example:
        >>> encoded(b"\x00\x01")
        ('bytes', b'\x00\x01')
        >>> encoded({"a": 1}) is None
        True
    """
    kind = type(value)
    if kind in (bytes, bytearray):
        return "bytes", bytes(value)
    arrays, frames = _kinds_of("numpy", "ndarray"), _kinds_of("pandas", "DataFrame", "Series")
    if kind in arrays:
        form, data = "array", _array_bytes(value)
    elif kind in frames:
        form, data = "frame", frame_bytes(value)
    elif kind in HOLDERS:
        form, data = "mixed", mixed_bytes(value, arrays + frames, encoded)
    else:
        return None
    return None if data is None else (form, data)


def _kinds_of(module: str, *names: str) -> tuple[type, ...]:
    """Give classes of a module; none where it was not imported: nothing can be of them."""
    found = (getattr(sys.modules.get(module), name, None) for name in names)
    return tuple(one for one in found if isinstance(one, type))


def words_of_value(value: Any, *, with_numbers: bool = True) -> Iterator[str]:
    """List the texts in a value that `encoded` takes; in its bytes they may be packed."""
    arrays, frames = _kinds_of("numpy", "ndarray"), _kinds_of("pandas", "DataFrame", "Series")
    if type(value) in HOLDERS:
        within = partial(words_of_value, with_numbers=with_numbers)
        yield from mixed_words(value, arrays + frames, within)
    elif type(value) in frames:
        yield from frame_words(value, with_numbers=with_numbers)
    elif type(value) in arrays:
        yield from array_words(value, with_numbers=with_numbers)


def decoded(kind: str, data: bytes) -> Any:
    """Give the value that was kept as these bytes. Raises `ArgumentError` on rubbish.

    `json` is canonical JSON as `core.json.canonical` writes it, `text` a text, both in
    UTF-8 where half of a pair may stand alone.
    """
    try:
        match kind:
            case "bytes":
                return data
            case "text":
                return data.decode("utf-8", "surrogatepass")
            case "json":
                return untagged(json.loads(data.decode("utf-8", "surrogatepass")))
            case "array":
                return _array_of(data)
            case "frame":
                return frame_of(data)
            case "mixed":
                return mixed_of(data, decoded)
            case _:
                known = ", ".join(get_args(Kind))
                raise ArgumentError(f"{kind[:80]!r} is no kind of artifact. There are {known}.")
    except ArgumentError:
        raise
    except UNFIT as error:
        said = stringify(error, 120).replace("\n", " ")
        raise ArgumentError(f"These bytes are no {kind[:80]}: {said}.") from None


def _array_bytes(value: np.ndarray[Any, Any]) -> bytes | None:
    """Give an array as `.npy`; None for one of objects, which would be pickled."""
    import numpy as np

    if value.dtype.hasobject or value.dtype.metadata is not None:
        return None
    file = io.BytesIO()
    try:
        np.lib.format.write_array(file, value, version=(1, 0), allow_pickle=False)
        data = file.getvalue()
        back = _array_of(data)
    except (*UNFIT, ArgumentError):
        return None
    same = back.dtype == value.dtype and back.shape == value.shape
    return data if same and back.tobytes("A") == value.tobytes("A") else None


def _array_of(data: bytes) -> np.ndarray[Any, Any]:
    """Read an array back. Its size is checked before there is room for it."""
    import numpy as np

    file = io.BytesIO(data)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ArgumentError("This is no array of ours.")
    (size,) = struct.unpack_from("<H", data, 8)
    try:
        # A plain dict: what is none numpy reads as old code, in a way of its own.
        ast.literal_eval(data[10 : 10 + min(size, _MOST_HEADER)].decode("latin1"))
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    except SyntaxError as error:
        raise ArgumentError(f"This is no array's header: {error.msg}.") from None
    if dtype.hasobject:
        raise ArgumentError("An array of objects is not read.")
    count, rest = math.prod(shape), data[file.tell() :]
    if count * dtype.itemsize != len(rest) or count > max(len(rest), MOST_CELLS):
        raise ArgumentError(f"The array says that it has {count} values, and has not.")
    flat = np.frombuffer(bytearray(rest), dtype=dtype, count=count) if rest else np.empty(0, dtype)
    _check_texts(flat)
    if not rest:
        return np.empty(shape, dtype, order="F" if fortran else "C")
    return flat.reshape(shape, order="F" if fortran else "C")


def _check_texts(array: np.ndarray[Any, Any]) -> None:
    """Raise where a character is none: nobody could look at it."""
    for name in array.dtype.names or ():
        _check_texts(array[name])
    if array.dtype.kind == "U" and array.dtype.itemsize:
        codes = array.ravel().view(f"{array.dtype.byteorder.replace('|', '=')}u4")
        if codes.size and codes.max() > sys.maxunicode:
            raise ArgumentError("The array holds what is no character.")
