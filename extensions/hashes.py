"""The hash of the browser code's sources: what was built is compared with it, not with a build.

A build's bytes depend on the builder's version and place; its sources do not.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
STATIC = HERE.parent / "netflux_nb" / "notebook" / "static"
STAMP = STATIC / "SOURCE_SHA256"
BUILT = ("run.js", "stub.js")
SOURCES = ("package-lock.json", "build.mjs", "view/*.ts", "widgets/*.ts")


def source_hash() -> str:
    """Hash what the build reads; tests beside it are no part of it."""
    found = hashlib.sha256()
    for pattern in SOURCES:
        for path in sorted(HERE.glob(pattern)):
            if path.name.endswith(".test.ts"):
                continue
            found.update(path.relative_to(HERE).as_posix().encode() + b"\0")
            found.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return found.hexdigest()


def problem() -> str:
    """Say what is wrong with what was built; nothing where all is well."""
    missing = [name for name in (*BUILT, STAMP.name) if not (STATIC / name).is_file()]
    if missing:
        return f"{', '.join(missing)} missing in {STATIC}: run `make widgets`."
    if STAMP.read_text().strip() != source_hash():
        return f"{STATIC} was built from other sources than extensions/ has: run `make widgets`."
    return ""


if __name__ == "__main__":
    if "--write" in sys.argv:
        STAMP.write_text(source_hash() + "\n")
    sys.exit(problem() or 0)
