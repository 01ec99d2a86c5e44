"""Takes the pictures of the README from the real browser: `python tests/lab/pictures.py`.

Run from the top of the repository. Look at them before you commit.
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from lab.jupyter import browsing, serving  # noqa: E402  the path comes first
from lab.page import Notebook  # noqa: E402

PICTURES = ROOT / "notebooks" / "pictures"
MAX_BYTES = 150_000
# What stands in for a model: it counts, then takes the first sentence; some take their time.
SETUP = """
%load_ext netflux_nb
from netflux_nb import ToolResultPart, function, gather, use
from netflux_nb.testing import ScriptedModel, Turn, call

SLOW = {"Iron": 2.5, "Snow": 600, "A bell": 600}

def editor(request):
    text = request.parts[0].text.partition(": ")[2]
    if not any(isinstance(part, ToolResultPart) for part in request.parts):
        return call("word_count", text=text)
    wait = next((s for word, s in SLOW.items() if text.startswith(word)), 0.9)
    return Turn(text=text.split(". ")[0] + ".", latency_s=wait)

use(scripted=ScriptedModel(editor, latency_s=0.4))

@function
def word_count(text: str) -> int:
    "Count the words of a text."
    return len(text.split())

@function
def fetch(page: str) -> str:
    "Read a page."
    raise FileNotFoundError(f"no page {page!r}")

@function(needs_approval=True)
def publish(issue: int) -> str:
    "Send an issue to all readers."
    return f"Issue {issue} is out."

TIDES = "Tides are raised by the Moon and the Sun. The Moon counts for two thirds."
YEAST = "Yeast turns sugar into gas. Warm dough rises in an hour; cold dough in a night."
texts = [TIDES, YEAST, "Iron gall ink darkens as it dries. It ate through many old pages.",
         "Snow melts from below. Rivers rise before the hills are bare.",
         "A bell is tuned on a lathe. What is cut away cannot be put back."]
"""
AGENT = '''
%%agent summarise(text: str) -> str --uses word_count --model scripted:example-large
"""Summarise a text in one sentence."""
You are a careful editor. Count the words before you write.
---
Summarise this: {text}
'''
DEFINE = '''
@function(uses=[summarise, publish])
def newsletter(issue: int, texts: list[str]) -> str:
    """Summarise all at once. Publish when somebody has agreed."""
    gather(*(summarise.start(text=one) for one in texts))
    return publish(issue)
'''
BEFORE = """
@function(uses=[summarise, fetch])
def digest(texts: list[str]) -> str:
    "Summarise texts, and add them to the archive."
    gather(*(summarise.start(text=one) for one in texts))
    return fetch("archive.html")

summarise(text=TIDES)
stopped = newsletter.start(45, texts[3:])
stopped.cancel("too early")
stopped.wait(20)
summarise(text=YEAST)
try:
    fetch("tides.html")
except FileNotFoundError:
    pass
waiting = newsletter.start(46, texts[:2])
"""
RUN = "run = newsletter.start(47, texts[1:])"
# A run that is over, below the one that goes on: they look the same.
OVER = "over = digest.start(texts[:2]).wait()"
CELLS = [SETUP, AGENT, DEFINE, RUN, OVER]
# What only the author of a cell needs to see.
CALM = ".jp-cell-toolbar, .jp-Notebook-footer { display: none !important }"

SCROLL = """place => {
  const book = window.jupyterapp.shell.currentWidget.content;
  const top = book.widgets[place].node.getBoundingClientRect().top;
  const outer = book.node.querySelector(".jp-WindowedPanel-outer");
  outer.scrollTop += top - outer.getBoundingClientRect().top - 4;
}"""


def main():
    """Take the window with a run that goes on, in light and dark."""
    # Finer than it is shown: sharp on today's screens.
    size = {"width": 1290, "height": 896}
    with browsing(viewport=size, device_scale_factor=1.5) as chrome:
        for theme in ("light", "dark"):
            with tempfile.TemporaryDirectory() as folder, serving(folder) as server:
                path = server.write([cell.strip("\n") for cell in CELLS], "newsletter.ipynb")
                book = Notebook(chrome.new_page(), server, path).open()
                book.page.add_style_tag(content=CALM)
                book.dark(theme == "dark")
                window(book, PICTURES / f"window-{theme}.png")
                book.close()
    return 0


def window(book, path):
    """Run the notebook until one run waits for a person and another is at work."""
    at_work = CELLS.index(RUN)
    for place in range(at_work):
        book.run(place)
    assert not book.ask(BEFORE).strip()
    book.command("netflux:show-panel")
    book.page.locator(".nfx-question").wait_for()
    book.run(at_work)
    view = book.cell(at_work)
    done = view.locator(".nfv-row", has_text="summarise").filter(has_text="Success")
    done.nth(1).wait_for()
    book.run(CELLS.index(OVER))
    book.cell(CELLS.index(OVER)).locator(".nf1-t", has_text="archive.html").first.wait_for()
    book.save()
    book.page.get_by_text("Saving completed").wait_for(state="hidden")
    book.page.evaluate(SCROLL, CELLS.index(DEFINE))
    book.page.mouse.move(0, 0)
    PICTURES.mkdir(exist_ok=True)
    book.page.screenshot(path=str(path))
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
