"""The hash of the browser code's sources: what was built is compared with it, not with a build.

A build's bytes depend on the builder's version and place; its sources do not.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent / "netflux_nb"


@dataclass(frozen=True)
class Build:
    """One build: what it reads, where it is, what must be there, what makes it."""

    sources: tuple[str, ...]
    place: Path
    built: tuple[str, ...]
    target: str

    @property
    def stamp(self) -> Path:
        """Where the hash of its sources is."""
        return self.place / "SOURCE_SHA256"


BUILDS = {
    "widgets": Build(
        ("package-lock.json", "build.mjs", "view/*.ts", "widgets/*.ts"),
        PACKAGE / "jupyter" / "live" / "static",
        ("run.js", "stub.js"),
        "make widgets",
    ),
    "page": Build(
        ("package-lock.json", "build.mjs", "view/*.ts", "page/*.ts"),
        PACKAGE / "show" / "exported" / "static",
        ("page.js",),
        "make widgets",
    ),
    "lab": Build(
        (
            "view/*.ts",
            "lab/package-lock.json",
            "lab/package.json",
            "lab/tsconfig*.json",
            "lab/build.mjs",
            "lab/src/*.ts",
            "lab/style/*",
            "lab/schema/*",
        ),
        PACKAGE / "labextension",
        ("package.json", "static/remoteEntry.*.js", "schemas/netflux-lab/plugin.json"),
        "make panel",
    ),
}


def source_hash(build: Build) -> str:
    """Hash what a build reads; tests beside it are no part of it."""
    found = hashlib.sha256()
    for pattern in build.sources:
        for path in sorted(HERE.glob(pattern)):
            if path.name.endswith(".test.ts"):
                continue
            found.update(path.relative_to(HERE).as_posix().encode() + b"\0")
            found.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return found.hexdigest()


def problem() -> str:
    """Say what is wrong with what was built; nothing where all is well."""
    for build in BUILDS.values():
        wanted = (*build.built, build.stamp.name)
        missing = [name for name in wanted if not any(build.place.glob(name))]
        if missing:
            return f"{', '.join(missing)} missing in {build.place}: run `{build.target}`."
        # A source distribution has what was built, and not always what it was built from.
        is_there = (HERE / "package-lock.json").is_file()
        if is_there and build.stamp.read_text().strip() != source_hash(build):
            return (
                f"{build.place} was built from other sources than extensions/ has: run "
                f"`{build.target}`."
            )
    return ""


if __name__ == "__main__":
    if "--write" in sys.argv:
        for name in sys.argv[sys.argv.index("--write") + 1 :] or ["widgets", "page"]:
            BUILDS[name].stamp.write_text(source_hash(BUILDS[name]) + "\n")
    else:
        sys.exit(problem() or 0)
