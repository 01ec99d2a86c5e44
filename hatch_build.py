"""Refuses to build a package without its browser code; building itself needs no node."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# What is built, below the package, and by what.
BUILT = (
    ("make widgets", "jupyter/live/static", ("run.js", "stub.js", "SOURCE_SHA256")),
    ("make widgets", "show/exported/static", ("page.js", "SOURCE_SHA256")),
    (
        "make panel",
        "labextension",
        ("package.json", "static/remoteEntry.*.js", "schemas/*/plugin.json", "SOURCE_SHA256"),
    ),
)


class Built(BuildHookInterface[Any]):
    """Looks whether what was built is there. Hatchling leaves out in silence what is not."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Raise where it is missing; warn where the sources are newer."""
        root = Path(self.root)
        for target, folder, names in BUILT:
            place = root / "netflux_nb" / folder
            missing = [name for name in names if not any(place.glob(name))]
            if missing:
                raise RuntimeError(f"{', '.join(missing)} missing in {place}: run `{target}`.")
        hashes = root / "extensions" / "hashes.py"
        if hashes.is_file():
            problem = runpy.run_path(str(hashes))["problem"]()
            if problem:
                self.app.display_warning(problem)
