"""Tab and Shift-Tab in a real JupyterLab: what a person is offered while they type."""

import contextlib

import pytest
from playwright.sync_api import TimeoutError as Late

pytestmark = pytest.mark.lab

LOAD = "%load_ext netflux_nb"
DEFINE = "%%agent title(text: str, tone: str = 'plain') -> str --model scripted\nTitle it: {text}"
TYPED = {
    "title(": ["text=", "tone="],
    "%nf tr": ["transcript", "tree"],
    "%invoke ": ["title"],
    "%invoke title ": ["text=", "tone="],
}
OFFERS = ".jp-Completer:visible .jp-Completer-item"


def offer(book, wanted):
    """Press Tab, as often as a person would: JupyterLab gives a slow kernel up after a second."""
    for _ in range(5):
        book.page.keyboard.press("Tab")
        with contextlib.suppress(Late):
            return wanted.wait_for(timeout=5_000)
        book.page.keyboard.press("Escape")
    return wanted.wait_for()


def test_p10_tab_offers_arguments_verbs_and_names_and_shift_tab_the_signature(lab):
    book = lab([LOAD, DEFINE, *("" for _ in TYPED)])
    keys = book.page.keyboard
    book.run(0)
    book.run(1)

    for place, (text, wanted) in enumerate(TYPED.items(), 2):
        book.cell(place).locator(".cm-content").click()
        keys.type(text)
        offers = book.page.locator(OFFERS)
        offer(book, offers.filter(has_text=wanted[0]).first)
        for word in wanted:
            # JupyterLab adds words of the notebook after ours, and may draw its list again.
            offers.filter(has_text=word).first.wait_for()
        keys.press("Escape")

    book.cell(2).locator(".cm-content").click()
    keys.press("End")
    keys.press("Shift+Tab")
    tip = book.page.locator(".jp-Tooltip:visible")
    tip.wait_for()
    assert "title(text: str, tone: str = 'plain') -> str" in tip.inner_text()
    assert "Title it: {text}" in tip.inner_text()
