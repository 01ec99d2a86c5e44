"""A state as a table: of one moment, bounded, of text alone."""

import pytest
from show.hostile import HOSTILE, checked

from netflux_nb.session import here
from netflux_nb.show.state_views.state_table import MOST_ROWS, state_table
from netflux_nb.state import state


@pytest.fixture(autouse=True)
def session():
    with here.fresh() as fresh:
        yield fresh


def test_html_and_text_of_a_state_are_of_the_same_moment():
    bank = state({"accounts": {"ann": 100}}, name="bank")
    shown = state_table(bank)

    with bank.edit() as draft:
        draft.accounts["ann"] = 70

    assert "version 0" in str(shown)
    assert "version 0" in checked(shown.html).text
    assert "version 1" in state_table(bank).html


def test_a_state_of_nothing_is_shown():
    shown = state_table(state({}, name="bank"))

    assert "(none)" in str(shown)
    assert "(none)" in checked(shown.html).text


@pytest.mark.parametrize("words", HOSTILE.values(), ids=list(HOSTILE))
def test_what_a_state_holds_is_text(words):
    many = {f"{n}": {f"{m}": words[:200] for m in range(20)} for n in range(20)}
    bank = state({"a": words[:5_000], **many}, name="bank")
    with bank.edit() as draft:
        draft["0"]["1"] = words[:5_000]

    shown = state_table(bank)

    checked(shown.html, most=30_000)
    assert len(str(shown).splitlines()) <= MOST_ROWS + 10


def test_a_key_in_the_state_is_not_shown():
    vault = state({"api_token": "hunter2hunter2", "db": {"password": "letmein99", "n": 1}})
    with vault.edit() as s:
        s.api_token = "hunter3hunter3"
        s.db["password"] = "letmein77"
        s.db["n"] = 2
    shown = state_table(vault)
    for form in (str(shown), shown.html):
        assert "hunter" not in form
        assert "letmein" not in form
        assert "2" in form


def test_signals_that_nobody_has_read_are_listed_and_stay_unread():
    bank = state({"sig_up": False, "sig_api_key": ""}, name="bank")
    with bank.edit() as draft:
        draft.sig_up = "now"
        draft.sig_api_key = "sk-1234567890abcdef"
    shown = state_table(bank)

    for words in (str(shown), checked(shown.html).text):
        assert "Unread signals: 2" in words
        assert "sk-1234" not in words
    assert len(bank.signals()) == 2
    assert bank.sig_up == "now"
    assert "Unread signals: 1" in str(state_table(bank))
