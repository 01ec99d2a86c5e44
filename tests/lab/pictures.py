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
# What is taken: the name of the picture, and the lesson's cells from one to another.
SHOTS = {"tree": ("study", "see"), "diff": ("diff", "diff")}


def main():
    """Run lesson 00, and take its cells in light and dark."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "notebooks"
        hidden = shutil.ignore_patterns(".*", "__pycache__", "pictures")
        shutil.copytree(ROOT / "notebooks", place, ignore=hidden)
        path = place / "00_tour.ipynb"
        cells = {cell.id: n for n, cell in enumerate(nbformat.read(path, 4).cells)}
        # Twice as fine as it is shown: sharp on today's screens.
        size = {"width": 920, "height": 1600}
        with serving(folder) as server, browsing(viewport=size, device_scale_factor=1.5) as chrome:
            book = Notebook(chrome.new_page(), server, path).open()
            book.command("application:toggle-left-area")
            book.run_all()
            for theme in ("light", "dark"):
                book.dark(theme == "dark")
                for name, (first, last) in SHOTS.items():
                    take(book, cells[first], cells[last], PICTURES / f"{name}-{theme}.png")
    return 0


def take(book, first, last, path):
    """Take the cells from the first to the last, and make the picture small."""
    boxes = [book.cell(place).bounding_box() for place in (last, first)]
    top, bottom = boxes[1]["y"], boxes[0]["y"] + boxes[0]["height"]
    clip = {"x": boxes[1]["x"], "y": top, "width": boxes[1]["width"], "height": bottom - top}
    path.parent.mkdir(exist_ok=True)
    book.page.screenshot(path=str(path), clip=clip)
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
