"""The gallery's layout against a kept one, and its pages without findings of axe-core.

Pixels are not compared: fonts and Chromium draw them otherwise on each machine. What is compared is
where things stand, and two things make that the same everywhere:

- All text is set in one font that comes along, unhinted: each sign is half an em wide, each line is
  as high. So texts break at the same places, whatever fonts and settings a machine has.
- Kept are the sizes of sections, and of the boxes of their first headings, tables, rows and
  columns; a place is the gap to the box before, so that one change is told once. What differs by
  up to `TOLERANCE` pixels is taken for another Chromium's rounding and form controls.

Of colours those of states are kept, as the browser computes them, in both themes. After a change
that is meant, `NETFLUX_WRITE_FIXTURES=1 pytest tests/show/test_layout.py` writes `layout.json`
anew: look at its difference, and at the pictures of `make gallery`.
"""

import json
import os
import shutil
from pathlib import Path

import pytest
from show import gallery, samples

from netflux_nb import function
from netflux_nb.session import here
from netflux_nb.show.exported import html_file
from netflux_nb.show.wire.playback import playback

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not shutil.which("chromium"), reason="needs a browser"),
]

KEPT = Path(__file__).with_name("layout.json")
AXE = Path(__file__).parents[2] / "extensions" / "node_modules" / "axe-core" / "axe.min.js"
needs_axe = pytest.mark.skipif(
    not AXE.exists(), reason="axe-core is not installed: run npm ci in extensions/"
)
TOLERANCE, COLOUR_TOLERANCE = 4, 3
LIVE = "live"
# Where a code host takes all styles away, the layout is the browser's.
LAYOUTS = [
    ("with the sheet", 1150),
    ("with the sheet", 900),
    ("without a sheet", 1150),
    (LIVE, 1150),
    (LIVE, 900),
]

# One glyph for every sign: 500 of 1,000 units wide, 800 above and 200 below the line. Made with
# fontTools: U+0020 to U+30FF and U+4E00 to U+8FFF have that glyph.
EVEN = (
    "d09GRgABAAAAAAK8AAoAAAAA6EwAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAABPUy8yAAABZAAAAD4AAABgNMe8c2Nt"
    "YXAAAAGsAAAAfgAA5fx5RFCwZ2x5ZgAAAjQAAAAkAAAANNOU05NoZWFkAAAA9AAAADYAAAA2YQpDOGhoZWEAAAEs"
    "AAAAIAAAACQFFgFgaG10eAAAAaQAAAAGAAAABgImADJsb2NhAAACLAAAAAYAAAAGABoADW1heHAAAAFMAAAAFgAA"
    "ACAABAAGbmFtZQAAAlgAAABMAAAAV15GTXtwb3N0AAACpAAAABUAAAArd2tyZQABAAAAAQAAJiZUzV8PPPUAAwPo"
    "AAAAAAAAAAAAAAAAAAAAAAAyAAABwgJYAAAAAwACAAAAAAAAeJxjYGRgYFb4b8HAwPiFwYjBiPEQA1AEBTACAFfT"
    "A3p4nGNgZGBgYGJgYQDRIBYaAAABEgALAAB4nGNgYfzCOIGBlYGFgQD4///9fw72//8fiP8/wMDOwG4PBAwHGBT6"
    "/zMr/LdgYGBWYDiBpkWBgQEA3wUQIAAAAfQAMgAyAAB4nO3ICQ2AQAxFwc8RFCAACSjBA4owhRUSXCzN2mAyaV/a"
    "JGOSqWatPfTOz1tdMtc97u1qrdW9HelNfZfz7gUAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAH7qAxAafUMAAAAAAA0AGgAAeJxjYGQwYmBgPMQUwcDMwGCsKKhoxDjhXwGQy4BT"
    "BgDI2gjJeJwtyDEKwCAQRNG/KiQhYJO75AZewBtYLDZiIej5swGnGN4MEHgR/oiZbcdhyyPhsufk3nZEnrS0Z62z"
    "lUFioXSydWXSKIwPzwAJaHicY2BiwA+A8oxMLKllqXkABOgBugAAAA=="
)
SET = f"""@font-face {{ font-family: even; src: url(data:font/woff;base64,{EVEN}); }}
*, *::before, *::after, *::marker {{ font-family: even !important; text-rendering: geometricPrecision !important; animation: none !important; transition: none !important; }}"""

# Of each section its size, and of what stands in it first: tag, left, gap to the box before, width,
# height; of its first tables the widths of the cells of their first rows.
BOXES = """async () => {
  await document.fonts.load("13px even");
  await document.fonts.ready;
  if (!document.fonts.check("13px even")) throw new Error("the font was not loaded");
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const rounded = (n) => Math.round(n);
  const found = {};
  for (const section of document.querySelectorAll("main > section")) {
    const whole = section.getBoundingClientRect();
    const seen = (one) => one.checkVisibility({contentVisibilityAuto: false})
      && one.getBoundingClientRect().height > 0;
    const all = [...section.querySelectorAll(
      "h2, table, tr, p, summary, button, input, [role=row], .nfv-ask, .nfv-tools")].filter(seen);
    let bottom = whole.top;
    const boxes = all.slice(0, 36).map((one) => {
      const box = one.getBoundingClientRect();
      const told = [one.tagName.toLowerCase(), rounded(box.left - whole.left),
        rounded(box.top - bottom), rounded(box.width), rounded(box.height)];
      bottom = box.bottom;
      return told;
    });
    const tables = [...section.querySelectorAll("table, [role=row]")].filter(seen).slice(0, 6);
    const columns = tables.map((one) =>
      [...(one.rows?.[0]?.cells ?? one.children)].map((c) => rounded(c.getBoundingClientRect().width)));
    found[section.id] = {size: [whole.width, whole.height].map(rounded), of: all.length, boxes, columns};
  }
  return found;
}"""

# The colours of states, by what stands there, as red, green and blue.
COLOURS = """() => {
  const canvas = Object.assign(document.createElement("canvas"), {width: 1, height: 1});
  const pen = canvas.getContext("2d", {willReadFrequently: true});
  const shown = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const states = ["Waiting", "Running", "asks you", "Success", "Error", "Canceled", "Cut off"];
  const signs = ["○", "◐", "!", "●", "✗", "◌", "◍"];
  const found = {};
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const word = node.textContent.trim();
    const row = node.parentElement.closest("section table, [role=row]");
    if (!row || ![...states, ...signs].includes(word)) continue;
    const colour = shown(getComputedStyle(node.parentElement).color);
    found[word] ??= [];
    if (!found[word].some((one) => `${one}` === `${colour}`)) found[word].push(colour);
  }
  return found;
}"""

FINDINGS = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.map(
  (one) => one.id + ": " + one.nodes.map((n) => n.html.slice(0, 160) + n.failureSummary).join(" | "))"""


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        # Hinting, which a machine's settings say, makes of half a pixel a whole one.
        given = ["--no-sandbox", "--font-render-hinting=none"]
        made = play.chromium.launch(executable_path=shutil.which("chromium"), args=given)
        yield made
        made.close()


@pytest.fixture(scope="module")
def pages():
    view = samples.run()
    beside = html_file.Beside(playback=playback(view, "a run"))
    return {
        **{form: gallery.page(form) for form in gallery.FORMS},
        LIVE: gallery.page_of_live(),
        "page of a run": html_file.page(view, run="a run", beside=beside),
    }


@pytest.fixture(scope="module")
def kept():
    """Give what is kept of a name; with `NETFLUX_WRITE_FIXTURES` that is what is found now."""
    known = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    is_new = bool(os.environ.get("NETFLUX_WRITE_FIXTURES"))

    def of(name, found):
        if is_new:
            known[name] = found
        return known.get(name, {})

    yield of
    if is_new:
        KEPT.write_text(_written(known), encoding="utf-8")


def _written(known):
    """Write a line for each section, so that a difference is read."""
    parts = []
    for name in sorted(known):
        lines = (f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(known[name].items()))
        parts.append(f"{json.dumps(name)}: {{\n" + ",\n".join(lines) + "\n }")
    return "{\n " + ",\n ".join(parts) + "\n}\n"


def shown(browser, html, *, theme="light", width=1150):
    page = browser.new_page(color_scheme=theme, viewport={"width": width, "height": 900})
    page.set_content(html)
    if "dataset.ready" in html:
        page.wait_for_selector("html[data-ready]")
        for name in gallery.live():
            page.wait_for_selector(f"#{name} .nfv-row:visible")
    return page


def differing(found, known, most, at=""):
    """Name each place where two differ in kind, in length, or in a number by more than `most`."""
    if isinstance(found, int) and isinstance(known, int):
        return [] if abs(found - known) <= most else [f"{at}: {known} became {found}"]
    if isinstance(found, dict) and isinstance(known, dict) and found.keys() == known.keys():
        return [s for k in found for s in differing(found[k], known[k], most, f"{at}/{k}")]
    if isinstance(found, list) and isinstance(known, list) and len(found) == len(known):
        pairs = enumerate(zip(found, known, strict=True))
        return [s for n, (a, b) in pairs for s in differing(a, b, most, f"{at}/{n}")]
    return [] if found == known else [f"{at}: {known} became {found}"]


@pytest.mark.parametrize(("form", "width"), LAYOUTS)
def test_q36_all_stands_where_it_stood(browser, pages, kept, tmp_path, form, width):
    page = shown(browser, pages[form], width=width)
    page.add_style_tag(content=SET)
    found = json.loads(json.dumps(page.evaluate(BOXES)))
    known = kept(f"{form}, {width}", found)
    page.screenshot(path=tmp_path / "gallery.png", full_page=True)
    page.close()

    told = differing(found, known, TOLERANCE)
    assert not told, f"{tmp_path / 'gallery.png'}: " + "\n".join(told[:20])
    assert len(found) >= 3


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("form", ["with the sheet", "without a sheet", LIVE])
def test_q36_states_have_the_colours_that_they_had(browser, pages, kept, form, theme):
    page = shown(browser, pages[form], theme=theme)
    found = page.evaluate(COLOURS)
    page.close()
    known = kept(f"colours, {form}, {theme}", found)

    told = differing(found, known, COLOUR_TOLERANCE)
    assert not told, "\n".join(told)
    assert {"Success", "Error", "asks you", "Running"} <= found.keys()


def test_what_moved_is_noticed():
    known = {"tree": {"size": [1100, 540], "boxes": [["tr", 0, 0, 1100, 24]]}}

    assert not differing(
        {"tree": {"size": [1102, 538], "boxes": [["tr", 4, 0, 1100, 24]]}}, known, 4
    )
    for other in (
        {"tree": {"size": [1100, 545], "boxes": [["tr", 0, 0, 1100, 24]]}},
        {"tree": {"size": [1100, 540], "boxes": [["p", 0, 0, 1100, 24]]}},
        {"tree": {"size": [1100, 540], "boxes": []}},
        {},
    ):
        assert len(differing(other, known, 4)) == 1


@needs_axe
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("form", [*gallery.FORMS, LIVE, "page of a run"])
def test_q36_axe_core_finds_nothing(browser, pages, form, theme):
    page = shown(browser, pages[form], theme=theme)
    # A page of a run lets no script in; what a debugger runs is none of the page's.
    page.evaluate(AXE.read_text(encoding="utf-8"))

    assert page.evaluate(FINDINGS) == []
    page.close()


@function
def leaf(x: int) -> int:
    """Fail at three."""
    if x == 3:
        raise ValueError("three <b>is</b> no good")
    return x


@function(uses=[leaf])
def study(n: int) -> int:
    """Call it some times."""
    return sum(leaf.start(x=x).result() for x in range(n))


@needs_axe
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_q36_axe_core_finds_nothing_on_an_exported_page(browser, tmp_path, theme):
    with here.fresh() as fresh:
        fresh.configure(store=str(tmp_path / "store"))
        path = study.start(n=5).wait().export(tmp_path / "run.html")
        html = path.read_text(encoding="utf-8")
    page = shown(browser, html, theme=theme)
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    page.evaluate(AXE.read_text(encoding="utf-8"))

    assert page.evaluate(FINDINGS) == []
    page.close()
