"""The look in a real browser: contrast, columns, nothing sideways, with and without styles."""

import re
import shutil
from itertools import product

import pytest
from show import gallery, samples

from netflux_nb.show import trees
from netflux_nb.show.exported import html_file
from netflux_nb.show.parts import look
from netflux_nb.show.parts.widths import cells, fitted

pytestmark = pytest.mark.lab
needs_browser = pytest.mark.skipif(not shutil.which("chromium"), reason="needs a browser")

# Of every text that is seen: the contrast of its colour with the ground behind it.
CONTRAST = """() => {
  const canvas = Object.assign(document.createElement("canvas"), {width: 1, height: 1});
  const pen = canvas.getContext("2d", {willReadFrequently: true});
  const over = (colours) => {
    pen.clearRect(0, 0, 1, 1);
    for (const one of colours) { pen.fillStyle = one; pen.fillRect(0, 0, 1, 1); }
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((x) => x / 255).map((x) => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const word = node.textContent.trim();
    const at = node.parentElement;
    if (!word || /^[█▒▓░─■ ]+$/.test(word) || !at.checkVisibility()) continue;
    const grounds = [];
    let opacity = 1;
    for (let one = at; one; one = one.parentElement) {
      grounds.unshift(getComputedStyle(one).backgroundColor);
      opacity *= Number(getComputedStyle(one).opacity);
    }
    const ground = over([getComputedStyle(document.documentElement).colorScheme.includes("dark")
      && matchMedia("(prefers-color-scheme: dark)").matches ? "#111" : "#fff", ...grounds]);
    const ink = over([`rgb(${ground})`, getComputedStyle(at).color]);
    const seen = ink.map((x, i) => x * opacity + ground[i] * (1 - opacity));
    const [a, b] = [light(seen), light(ground)];
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), word.slice(0, 40)]);
  }
  return found.sort((a, b) => a[0] - b[0]).slice(0, 5);
}"""
# Where the columns of rows end, in whole pixels, all folds opened.
EDGES = """() => {
  for (const one of document.querySelectorAll("#tree details")) one.open = true;
  const rows = [...document.querySelectorAll("#tree tfoot tr")].filter((r) => r.cells.length === 5);
  return [...new Set(rows.map((row) => [...row.cells].slice(1)
    .map((cell) => Math.round(cell.getBoundingClientRect().right)).join(" ")))];
}"""
SIDEWAYS = """() => [...document.querySelectorAll("section *")].filter((one) =>
  !one.closest(".text") && one.getBoundingClientRect().right > innerWidth + 1).length"""


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        made = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture(scope="module")
def forms():
    return {form: gallery.page(form) for form in gallery.FORMS}


@needs_browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_q36_every_text_is_read_on_light_and_on_dark(browser, forms, theme):
    page = browser.new_page(color_scheme=theme)
    page.set_content(forms["with the sheet"])

    least = page.evaluate(CONTRAST)

    assert len(least) == 5
    assert least[0][0] >= 4.5, least
    page.close()


@needs_browser
@pytest.mark.parametrize(("width", "form"), list(product([1150, 900, 560], [*gallery.FORMS][:3])))
def test_q36_columns_agree_at_every_depth(browser, forms, width, form):
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_content(forms[form])

    edges = page.evaluate(EDGES)

    assert edges
    for column in zip(*(map(int, row.split()) for row in edges), strict=True):
        # Half a pixel is rounded either way.
        assert max(column) - min(column) <= 1, edges
    page.close()


@needs_browser
@pytest.mark.parametrize(("width", "form"), list(product([900, 700], [*gallery.FORMS][:3])))
def test_q40_nothing_stands_out_sideways(browser, forms, width, form):
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_content(forms[form])

    assert page.evaluate(SIDEWAYS) == 0
    page.close()


@needs_browser
def test_q36_a_page_of_a_run_is_printed_whole(browser):
    page = browser.new_page()
    page.set_content(html_file.page(samples.run(), run="a run"))
    page.emulate_media(media="print")

    hidden = page.evaluate(
        """() => [...document.querySelectorAll("section td")].filter((c) => !c.checkVisibility()).length"""
    )

    assert hidden == 0
    page.close()


def test_q36_a_row_takes_few_bytes():
    view = samples.run()
    html = trees.tree(view).html
    rows = sum(1 for _ in view.walk())

    talks = sum(
        len(found)
        for found in re.findall(
            r"<details style=margin:0><summary><small>.*?</table></details>", html
        )
    )
    assert (len(html.encode()) - len(look.SHEET) - talks) / rows < 420


@pytest.mark.parametrize("most", range(2, 12))
def test_wide_characters_take_two_cells_and_combining_ones_none(most):
    for text in ("東京タワーに行く", "e\u0301e\u0301e\u0301abcdefgh", "plain text and more"):
        short = fitted(text, most)
        assert cells(short) <= most
        assert text.startswith(short.rstrip("…"))
