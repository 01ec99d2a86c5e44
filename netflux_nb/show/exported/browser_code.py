"""The script of an exported page: ours alone, named by its hash; all else is kept from running."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"
_BEGIN, _END = "<script>", "</script>"
_DATA = '<script type="application/json" id="playback">'


@cache
def built() -> str:
    """Give the built script. It is in the package; a checkout makes it with `make widgets`."""
    return (STATIC / "page.js").read_text(encoding="utf-8")


def script(playback: str, *, most: int) -> str:
    """Give the end of a page: what is played, as data, and the script; nothing without room."""
    # Text of others stands in the data: it can neither end it, nor begin what would hide its end.
    data = playback.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    code = f"{_BEGIN}{built()}{_END}"
    whole = f"{_DATA}{data}{_END}{code}" if data else code
    for text in (whole, code):
        if len(text.encode()) <= most:
            return text
    return ""


def policy(script: str) -> str:
    """Give what a browser is told: nothing is loaded, and nothing runs but that script."""
    code = script.rpartition(_BEGIN)[2].removesuffix(_END)
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    allowed = f"; script-src 'sha256-{digest}'" if script else ""
    # What the styles of elements are set to by our script needs no leave.
    return (
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        f"style-src 'unsafe-inline'{allowed}; base-uri 'none'; form-action 'none'\">"
    )
