"""Takes the pictures of the README from the real browser: `python tests/lab/pictures.py`.

Run from the top of the repository, with `tests` on the path. Look at them before you commit.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from lab.jupyter import browsing, serving  # noqa: E402  the path comes first
from lab.page import Notebook  # noqa: E402

PICTURES = ROOT / "notebooks" / "pictures"
MAX_BYTES = 150_000
# So slow that a run is seen in the middle of its work.
LATENCY = ("latency_s=0.2", "latency_s=2")
HALF = ".jp-OutputArea:has-text('3 of 7 done')"


def main():
    """Run lesson 00 slowly, and take a live run and a diff, in light and dark."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "notebooks"
        hidden = shutil.ignore_patterns(".*", "__pycache__", "pictures")
        shutil.copytree(ROOT / "notebooks", place, ignore=hidden)
        path = place / "00_tour.ipynb"
        path.write_text(path.read_text(encoding="utf-8").replace(*LATENCY), encoding="utf-8")
        cells = {cell.id: n for n, cell in enumerate(nbformat.read(path, 4).cells)}
        # Finer than it is shown: sharp on today's screens.
        size = {"width": 1300, "height": 1100}
        with serving(folder) as server, browsing(viewport=size, device_scale_factor=1.5) as chrome:
            for theme in ("light", "dark"):
                own = Path(shutil.copy(path, place / f"{theme}.ipynb"))
                book = Notebook(chrome.new_page(), server, own).open()
                book.page.add_style_tag(content=".jp-cell-toolbar { display: none !important }")
                book.dark(theme == "dark")
                pictures(book, cells, theme)
                book.close()
    return 0


def pictures(book, cells, theme):
    """Run the lesson, and take a run that goes on, and later the diff."""
    first, last = cells["study"], cells["diff"]
    for place in book.code_cells():
        if place > last:
            break
        book.run(place, wait=place != first)
        if place == first:
            book.cell(place).locator(HALF).wait_for()
            take(book, place, PICTURES / f"tree-{theme}.png")
            book.until_idle()
    take(book, last, PICTURES / f"diff-{theme}.png")


def take(book, place, path):
    """Take a cell, and make the picture small."""
    path.parent.mkdir(exist_ok=True)
    book.page.mouse.move(0, 0)
    book.cell(place).screenshot(path=str(path))
    shrink(path)
    print(path.relative_to(ROOT), f"{path.stat().st_size:,} bytes")


def shrink(path):
    """Keep the colours that are there, up to 256."""
    from PIL import Image

    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    assert path.stat().st_size <= MAX_BYTES, f"{path.name} is too large"


if __name__ == "__main__":
    sys.exit(main())
