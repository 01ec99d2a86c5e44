"""A run's page in a real browser: searched, folded, played, read without script, kept from harm."""

import base64
import hashlib
import re
import shutil

import pytest
from show import samples
from show.forest import failed, node, talk
from show.hostile import HOSTILE, hostile_tree

from netflux_nb.core.messages import ModelTextPart, UserTextPart
from netflux_nb.record.labels import Labels
from netflux_nb.show.exported import browser_code, html_file
from netflux_nb.show.wire.playback import playback

needs_browser = pytest.mark.skipif(not shutil.which("chromium"), reason="needs a browser")
COUNT = ".bar-count"
# What is in sight of the row, or text, that a hit is in.
SEEN = """() => {
  const [range] = CSS.highlights.get("hit-now") ?? [];
  if (!range) return null;
  const box = range.getBoundingClientRect();
  const at = range.startContainer.parentElement;
  return [range.toString(), at.checkVisibility(), box.top >= 0 && box.bottom <= innerHeight];
}"""


def made(view=None, *, words="a run", **beside):
    view = view or samples.run()
    known = {"playback": playback(view, words), **beside}
    return html_file.page(view, run=words, beside=html_file.Beside(**known))


def deep():
    said = [UserTextPart("What of the lighthouse?"), ModelTextPart("It stands. " * 100 + "Ember.")]
    agent = talk("ask", parts=said, children=[node("leaf", outputs="x" * 300 + " needle")])
    quiet = [node("group", [node("leaf", inputs={"n": n}) for n in range(3)]) for _ in range(20)]
    return node("top", [*quiet, node("group", [agent]), failed("bad", said="it broke")])


@pytest.fixture(scope="module")
def chrome():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        made = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def read(chrome, tmp_path):
    """Open a page from the disk; whatever it complains of fails the test."""
    pages, said = [], []

    def opened(html, **context):
        place = tmp_path / "run.html"
        place.write_text(html, encoding="utf-8")
        page = chrome.new_page(**context)
        page.set_default_timeout(20_000)
        pages.append(page)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append("a dialog"), dialog.dismiss()))
        page.on("request", lambda one: one.url == page.url or said.append(one.url[:200]))
        page.goto(place.as_uri())
        return page

    yield opened
    for page in pages:
        page.close()
    assert [one for one in said if not one.startswith("file:")] == []


def search(page, words):
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type(words)
    page.keyboard.press("Enter")


# What a browser is told.


def test_q41_the_one_script_of_a_page_is_named_by_its_hash():
    html = made()

    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", html, re.DOTALL)
    (_, data), (attributes, code) = scripts
    assert attributes == ""
    assert code == browser_code.built()
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)[1]
    assert f"script-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe-inline" not in policy.partition("script-src")[2]
    assert "<" not in data


def test_q41_where_there_is_no_room_for_a_script_nothing_may_run():
    html = html_file.page(samples.run(), max_bytes=100_000)

    assert "<script" not in html
    assert "script-src" not in html
    assert "default-src 'none'" in html


def test_q41_what_is_played_is_left_out_before_the_search_is():
    html = html_file.page(
        samples.run(),
        beside=html_file.Beside(playback='"' + "x" * 200_000 + '"'),
        max_bytes=600_000,
    )

    assert browser_code.built() in html
    assert 'id="playback"' not in html


# What a person does.


@pytest.mark.lab
@needs_browser
def test_q41_a_search_counts_and_opens_what_hides_a_hit(read):
    page = read(made(deep()))

    for words, inside in [("needle", "a result"), ("ember.", "a conversation")]:
        search(page, words)
        assert "1 of " in page.locator(COUNT).inner_text(), inside
        found, is_seen, is_in_sight = page.evaluate(SEEN)
        assert found.lower() == words
        assert is_seen
        assert is_in_sight, inside

    search(page, "leaf")
    count = int(re.search(r"of ([\d,]+)", page.locator(COUNT).inner_text())[1])
    assert count >= 61
    page.keyboard.press("Enter")
    assert page.locator(COUNT).inner_text() == f"2 of {count}"
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    assert page.locator(COUNT).inner_text() == f"{count} of {count}"
    page.keyboard.press("Escape")
    assert page.locator(COUNT).inner_text() == ""
    search(page, "no such words")
    assert page.locator(COUNT).inner_text() == "not found"


@pytest.mark.lab
@needs_browser
def test_q41_all_is_opened_and_closed_by_a_key(read):
    page = read(made(deep()))
    closed = page.locator("section details:not([open])")

    page.keyboard.press("e")
    page.wait_for_function("!document.querySelector('section details:not([open])')")
    page.keyboard.press("c")
    page.wait_for_function("!document.querySelector('section details[open]')")

    assert closed.count() > 10
    # A key that is typed into the search is a letter there.
    page.keyboard.press("/")
    page.keyboard.type("ce")
    assert page.locator(".bar-search").input_value() == "ce"
    assert page.locator("section details[open]").count() == 0


@pytest.mark.lab
@needs_browser
def test_q41_failures_alone_are_shown_with_what_leads_to_them(read):
    view = samples.run()
    page = read(made(view))
    row = page.locator("#tree ~ .nf1 tr")

    page.get_by_role("button", name="Only failures (4)").click()

    seen = [one for one in row.all_inner_texts() if one]
    assert any("Error" in one for one in seen)
    assert page.locator("#tree ~ .nf1 tr:visible", has_text="Success").count() == 0
    assert page.locator("#tree ~ .nf1 tr:visible", has_text="handle_all").count() == 1
    assert page.locator("#tree ~ .nf1 tr:visible", has_text="Cut off").count() == 1
    page.keyboard.press("f")
    assert page.locator("#tree ~ .nf1 tr:visible", has_text="Success").count() > 5


@pytest.mark.lab
@needs_browser
def test_q41_without_script_a_page_reads_whole_and_shows_no_control(read):
    page = read(made(deep()), java_script_enabled=False)

    assert page.locator(".bar, button, input").count() == 0
    assert page.get_by_text("What of the lighthouse?").count() == 1
    assert page.get_by_text("needle").count() >= 1


@pytest.mark.lab
@needs_browser
def test_p1_p17_a_page_plays_its_run(read):
    page = read(made())

    page.keyboard.press("p")
    view = page.locator(".nfv")
    view.get_by_role("button", name="Pause").click()
    view.get_by_role("slider").press("Home")
    before = view.locator(".nfv-sum").inner_text()
    for _ in range(6):
        view.get_by_role("button", name="Step").click()
    middle = view.locator(".nfv-sum").inner_text()
    assert before != middle
    assert "Running" in middle
    view.get_by_role("slider").press("End")
    view.locator(".nfv-title", has_text="✗").wait_for()
    assert "58 of 59 done" in view.locator(".nfv-sum").inner_text()
    assert view.get_by_role("button", name="■").count() == 0

    # Keys, also from the tree, where letters lead to rows.
    view.locator(".nfv-tree").focus()
    page.keyboard.press(",")
    # It is drawn with the next frame.
    view.locator(".nfv-sum", has_text="Running").wait_for()
    page.keyboard.press(">")
    page.keyboard.press(">")
    assert view.get_by_label("Speed").input_value() == "4"
    page.keyboard.press("Shift+Space")
    view.locator(".nfv-title", has_text="✗").wait_for()
    view.get_by_role("button", name="Play").wait_for()


@pytest.mark.lab
@needs_browser
@pytest.mark.parametrize(
    "kind", [name for name in HOSTILE if name not in ("long line", "many lines")]
)
def test_hostile_text_does_nothing_in_a_page(read, kind):
    words = HOSTILE[kind]
    view = hostile_tree(words)
    labels = Labels((words, words[:40]), words, words)
    page = read(made(view, words=words, labels=labels, environment={"packages": {words: words}}))

    page.keyboard.press("e")
    page.keyboard.press("p")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("slider").press("End")
    page.locator(".nfv-row").first.click()
    search(page, "alert")

    # A browser's own words of what it kept from running would be in the console: `read` looks.
    assert page.locator("script").count() == 2
    assert page.locator("img, iframe, svg, object, embed, link, base, form").count() == 0
    assert page.evaluate("[...document.querySelectorAll('a')].every(a => a.getAttribute('href')[0] === '#')")  # fmt: skip
    assert page.evaluate("[...document.querySelectorAll('*')].every(e => e.getAttributeNames().every(n => !n.startsWith('on')))")  # fmt: skip
