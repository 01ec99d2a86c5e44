"""Writes `view/look.ts` from `netflux_nb/show/parts/look.py`: both sides have one look."""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from netflux_nb.show.parts import look  # noqa: E402

TARGET = HERE / "view" / "look.ts"


def written() -> str:
    """Give what the file holds."""
    signs = list(look.STATES.values())
    constants = {
        "SHAPES": [one.shape for one in signs],
        "ASKS_SHAPE": look.ASKS.shape,
        "SERVED": look.SERVED,
        "FORKED": look.FORKED,
        "AGAIN": look.AGAIN,
        "WIDTHS": list(look.WIDTHS.values()),
        "ROW": look.ROW,
        "STEP": look.STEP,
        "WIDEST": look.WIDEST,
        "ROWS_IN_SIGHT": look.ROWS_IN_SIGHT,
        "OPEN_LEVELS": look.OPEN_LEVELS,
        "OPEN_CHILDREN": look.OPEN_CHILDREN,
        "FEW_NODES": look.FEW_NODES,
        "VARIABLES": look.pressed(look.VARIABLES),
        "FONT": look.FONT,
        "CODE_FONT": look.CODE_FONT,
        # Of the views that stay when a run has ended.
        "SHEET": look.SHEET,
    }
    lines = ["// Written by extensions/look.py from netflux_nb/show/parts/look.py."]
    for name, value in constants.items():
        kind = " as const" if isinstance(value, list) else ""
        text = json.dumps(value, ensure_ascii=False)
        gap = "\n  " if len(text) + len(name) > 80 else " "
        lines.append(f"export const {name} ={gap}{text}{kind};")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if "--write" in sys.argv:
        TARGET.write_text(written(), encoding="utf-8")
    elif TARGET.read_text(encoding="utf-8") != written():
        sys.exit(
            f"{TARGET} is not as show/parts/look.py says: run `python extensions/look.py --write`."
        )
