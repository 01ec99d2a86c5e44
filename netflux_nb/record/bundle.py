"""Bundles: runs in one file, written whole, and opened without trust."""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import re
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ..core.errors import ArgumentError, RecordError, stringify
from ..core.events import SCHEMA_VERSION
from ..runtime.host import host
from . import labels
from .chain import DIGITS, END, MARK, SUFFIX, hash_of, line_of
from .codecs.artifacts import FOLDER, TEMPORARY, Artifacts
from .os import replace, unlink
from .reading import Walk, check_lines, deleted, file_of, owned_lines, run_name
from .scan import artifacts_in

VERSION = 1
MANIFEST = "manifest.json"
SEGMENTS = "segments"

# A bundle that claims more was not made to be opened.
MOST_MANIFEST_BYTES = 4_000_000
MOST_DIRECTORY_BYTES = 10_000_000

_CHUNK = 1 << 18
# The same runs give the same bytes, whenever they are written.
_WHEN = (1980, 1, 1, 0, 0, 0)
_SEGMENT = re.compile(rf"{SEGMENTS}/([0-9A-Za-z][0-9A-Za-z_-]{{0,100}})\.jsonl")
_ARTIFACT = re.compile(rf"{FOLDER}/([0-9a-f]{{2}})/([0-9a-f]{{62}})")
# The end of a zip file: mark, disks, counts, size and place of its directory, a comment.
_END = struct.Struct("<4s4H2LH")
_END_MARK = b"PK\x05\x06"
_MOST_COMMENT = 65_535


@dataclass(frozen=True, slots=True)
class BundleLimits:
    """How large a bundle may be, unpacked: it comes from anywhere."""

    members: int = 50_000
    bytes: int = 1_000_000_000
    # Of the lines of its runs, which are read into memory.
    line_bytes: int = 200_000_000


LIMITS = BundleLimits()


def target(path: str | Path) -> Path:
    """Give the place of a file that is to be written; its folder has to be there."""
    place = Path(path)
    if not place.parent.is_dir():
        raise ArgumentError(f"There is no folder {str(place.parent)[:200]!r} for the file.")
    return place


def write(
    folder: str | os.PathLike[str],
    runs: Iterable[str],
    path: str | Path,
    *,
    limits: BundleLimits = LIMITS,
) -> None:
    """Write runs into one file, with the large values and the Functions that they name.

    The lines of the runs are as they were written, so that who opens it can check them. What
    other runs called is not in it, so what is left of the file's own lines is bound anew. Tags,
    notes and titles stand in the manifest.

    Args:
        folder: Where the record is.
        runs: Which runs.
        path: The file. What it held before is replaced once all is written.
        limits: How large it may be.
    """
    place, file = Path(folder), target(path)
    picked = _picked(place, runs)
    artifacts = Artifacts(place)
    temporary = file.with_name(f"{TEMPORARY}{os.urandom(8).hex()}")
    total = 0
    try:
        with zipfile.ZipFile(temporary, "x") as made:
            manifest = json.dumps(_manifest(place, picked), sort_keys=True).encode()
            if len(manifest) > MOST_MANIFEST_BYTES:
                raise RecordError("The notes on these runs are too long for one bundle.")
            _put(made, MANIFEST, manifest)
            for segment, lines in sorted(picked.lines.items()):
                data = b"".join(lines)
                total += len(data)
                _put(made, f"{SEGMENTS}/{segment}{SUFFIX}", data)
            for digest in sorted(picked.artifacts):
                data = _kept(artifacts, digest)
                total += len(data)
                _put(made, f"{FOLDER}/{digest[:2]}/{digest[2:]}", data)
        if total > limits.bytes or len(picked.artifacts) + len(picked.lines) >= limits.members:
            raise RecordError(f"These runs have {total:,} bytes; a bundle holds {limits.bytes:,}.")
        replace(temporary, file)
    except OSError as error:
        raise RecordError(f"{str(file)!r} cannot be written: {error.strerror or error}.") from None
    finally:
        unlink(temporary, missing_ok=True)


def _kept(artifacts: Artifacts, digest: str) -> bytes:
    try:
        return artifacts.get(digest)
    except RecordError as error:
        raise RecordError(
            f"{error} A bundle holds all that its runs need, so it is not written. A page, "
            f"`run.export('x.html')`, shows what is left."
        ) from None


@dataclass(slots=True)
class _Picked:
    """The contents chosen for a bundle."""

    runs: list[str]
    lines: dict[str, list[bytes]] = field(default_factory=dict)
    artifacts: set[str] = field(default_factory=set)


def _picked(folder: Path, runs: Iterable[str]) -> _Picked:
    picked = _Picked(sorted({run_name(run) for run in runs}))
    if not picked.runs:
        raise RecordError("A bundle holds one run at least.")
    wanted: dict[Path, set[str]] = {}
    gone = deleted(folder)
    for run in picked.runs:
        if run in gone:
            raise RecordError(f"There is no run {run!r} in this record.")
        wanted.setdefault(file_of(folder, run), set()).add(run)
    for path, here in wanted.items():
        lines = _lines(path, here)
        checked = check_lines(path, lines)
        if checked.faults:
            raise RecordError(f"{path.stem} is not sound: {checked.faults[0].why}")
        if missing := here - {row["run"] for row in checked.rows}:
            raise RecordError(f"There is no run {min(missing)!r} in this record.")
        picked.lines[path.stem], rows = _without_others(path.stem, lines, checked.rows)
        picked.artifacts |= artifacts_in(rows)
    return picked


def _lines(path: Path, runs: set[str]) -> list[bytes]:
    """Give the lines of these runs, and those of the file itself up to the last of them."""
    lines: list[bytes] = []
    waiting: list[bytes] = []
    has_place = False
    for run, raw in owned_lines(path):
        if not raw.endswith(b"\n"):
            break
        if run == path.stem:
            waiting.append(raw)
            # What the runs ran on is looked at beside them, and may come late.
            if not has_place and b'"event":"Environment"' in raw[:200]:
                has_place = True
                lines.extend(waiting)
                waiting.clear()
        elif run in runs:
            lines.extend(waiting)
            waiting.clear()
            lines.append(raw)
    return lines


def _without_others(
    segment: str, lines: list[bytes], rows: Sequence[Mapping[str, Any]]
) -> tuple[list[bytes], list[Mapping[str, Any]]]:
    """Leave out what describes Functions that these runs did not call; give the lines and rows.

    The file's own lines are a chain beside those of the runs: each was found sound, and what
    is left of them is bound together again.
    """
    # A stranger's line may say anything of a name.
    called = {
        (str(row.get("fn")), str(row.get("version")))
        for row in rows
        if row.get("event") == "NodeOpened"
    }
    kept: list[bytes] = []
    left: list[Mapping[str, Any]] = []
    mark = ""
    # The first line says what the file is, and has no row.
    for place, raw in enumerate(lines):
        row = rows[place - 1] if place else None
        described = row is not None and row.get("event") == "Function" and row
        if described:
            told = str(described.get("name")), str(described.get("version"))
            if told not in called:
                continue
        words = raw.decode()[: -len(END) - DIGITS - len(MARK)]
        if row is None:
            mark = hash_of("", words)
        elif row["run"] == segment:
            mark = hash_of(mark, words)
            raw = line_of(words, mark).encode()
        kept.append(raw)
        left += [] if row is None else [row]
    return kept, left


def _manifest(place: Path, picked: _Picked) -> dict[str, Any]:
    told: dict[str, Any] = {
        "netflux_bundle": VERSION,
        "schema": SCHEMA_VERSION,
        "runs": picked.runs,
    }
    known = {run: labels.labels_of(place, run) for run in picked.runs}
    said = {run: labels.to_json(one) for run, one in known.items() if one}
    # Who reads bundles of the first version passes over it.
    return {**told, "labels": said} if said else told


def _put(made: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, _WHEN)
    info.external_attr = (stat.S_IFREG | 0o600) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    made.writestr(info, data)


# What a file that is no bundle of ours may raise on its way.
_UNFIT = (
    OSError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    RuntimeError,
    AttributeError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    RecordError,
)


def opened(path: str | Path, *, limits: BundleLimits = LIMITS) -> Path:
    """Lay a bundle out as a folder of a record, and give that folder; nothing of it runs.

    Everything in it is checked: names, sizes, hashes, chains. Where anything is not as it
    should be there is one `RecordError`, and nothing is left. The folder is removed when
    this process ends.

    Args:
        path: The file.
        limits: How large it may be.
    """
    source = Path(path)
    if not source.is_file():
        raise RecordError(f"There is no bundle {source.name!r}.")
    folder = Path(tempfile.mkdtemp(prefix="netflux-bundle-"))
    try:
        with source.open("rb") as file:
            _check_end(file, limits)
            with zipfile.ZipFile(file) as packed:
                _lay_out(packed, folder, limits)
    except _UNFIT as error:
        shutil.rmtree(folder, ignore_errors=True)
        said = str(error) if isinstance(error, RecordError) else stringify(error, 120)
        said = " ".join(said.split())
        raise RecordError(f"{source.name!r} is no bundle of runs: {said.rstrip('.')}.") from None
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    host().bundles[folder] = source.name
    return folder


def _check_end(file: IO[bytes], limits: BundleLimits) -> None:
    """Bound the list of members before all of it is read."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _END.size - _MOST_COMMENT))
    tail = file.read()
    start = tail.rfind(_END_MARK)
    if start < 0 or len(tail) - start < _END.size:
        raise RecordError("it is no zip file, or not a whole one")
    _, _, _, _, count, directory, _, _ = _END.unpack_from(tail, start)
    if count > limits.members or directory > MOST_DIRECTORY_BYTES:
        raise RecordError(f"it claims {count:,} members, of {limits.members:,}")
    file.seek(0)


def _lay_out(packed: zipfile.ZipFile, folder: Path, limits: BundleLimits) -> None:
    members = _members(packed, limits)
    manifest = _read_manifest(packed, members.pop(MANIFEST, None))
    room = limits.bytes
    for name, info in members.items():
        target = folder / Path(name).name if _SEGMENT.fullmatch(name) else folder / name
        room -= _inflate(packed, info, target, room)
    _check_runs(folder, manifest)
    for run, form in manifest["labels"].items():
        labels.put(folder, run, form)


def _members(packed: zipfile.ZipFile, limits: BundleLimits) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    lines = total = 0
    infos = packed.infolist()
    if len(infos) > limits.members:
        raise RecordError(f"it has {len(infos):,} members, of {limits.members:,}")
    for info in infos:
        name = info.filename
        is_segment = _SEGMENT.fullmatch(name) is not None
        # As it stands in the file: a reader may have cut or turned what it shows.
        if info.orig_filename != name or not (
            is_segment or _ARTIFACT.fullmatch(name) or name == MANIFEST
        ):
            raise RecordError(f"it holds {info.orig_filename[:80]!r}, which is none of ours")
        if name.lower() in members:
            raise RecordError(f"it holds {name[:80]!r} twice")
        mode = info.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG) or info.flag_bits & 0x1:
            raise RecordError(f"{name[:80]!r} is no plain file")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise RecordError(f"{name[:80]!r} is packed in a way that is not read")
        total += info.file_size
        lines += info.file_size if is_segment else 0
        members[name.lower()] = info
    if total > limits.bytes or lines > limits.line_bytes:
        raise RecordError(f"it claims {total:,} bytes, of {limits.bytes:,}")
    return {info.filename: info for info in members.values()}


def _read_manifest(packed: zipfile.ZipFile, info: zipfile.ZipInfo | None) -> Mapping[str, Any]:
    if info is None:
        raise RecordError(f"it has no {MANIFEST}")
    with packed.open(info) as file:
        data = file.read(MOST_MANIFEST_BYTES + 1)
    if len(data) > MOST_MANIFEST_BYTES:
        raise RecordError(f"its {MANIFEST} has more than {MOST_MANIFEST_BYTES:,} bytes")
    manifest = json.loads(data)
    version, schema = manifest["netflux_bundle"], manifest["schema"]
    if type(version) is not int or version > VERSION or type(schema) is not int:
        raise RecordError(f"it has version {str(version)[:20]}; this reads up to {VERSION}")
    if schema > SCHEMA_VERSION:
        raise RecordError(f"it has schema {schema}; this reads up to {SCHEMA_VERSION}")
    if not manifest["runs"] or not all(run_name(run) for run in manifest["runs"]):
        raise RecordError("it names no run")
    runs, said = frozenset(manifest["runs"]), manifest.get("labels")
    forms = {run: said[run] for run in runs & said.keys()} if isinstance(said, dict) else {}
    return {"runs": runs, "labels": forms}


def _inflate(packed: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, room: int) -> int:
    """Write one member out and give its size: no more than it claims, and than there is room."""
    most = min(info.file_size, room)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    size, digest = 0, hashlib.sha256()
    with packed.open(info) as source, target.open("xb") as file:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > most:
                raise RecordError(f"{info.filename[:80]!r} holds more than it claims")
            digest.update(chunk)
            file.write(chunk)
    target.chmod(0o600)
    digests = target.parent.name + target.name, digest.hexdigest()
    if _ARTIFACT.fullmatch(info.filename) and digests[0] != digests[1]:
        raise RecordError(f"artifact {digests[0][:12]} is not as it was written")
    return size


def _check_runs(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Walk all chains, and see that nothing is missing or beside the runs that it names."""
    runs: set[str] = set()
    named: set[str] = set()
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        walk = Walk(path)
        here: set[str] = set()
        for row in walk.rows():
            here.add(row["run"])
            named |= artifacts_in([row])
        if walk.faults or walk.torn:
            raise RecordError(str(walk.faults[0]) if walk.faults else "it is cut off")
        here.discard(path.stem)
        if any(file_of(folder, run) != path for run in here):
            raise RecordError("a run of it is in another's file")
        runs |= here
    if runs != manifest["runs"]:
        raise RecordError("its runs are not those that it names")
    if not all(_ARTIFACT.fullmatch(f"{FOLDER}/{one[:2]}/{one[2:]}") for one in named):
        raise RecordError("a line names an artifact that can be none")
    kept = {digest for digest, _ in Artifacts(folder)}
    if kept != named:
        raise RecordError(f"{len(kept ^ named)} artifacts are missing, or nobody's")
