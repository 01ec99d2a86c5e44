"""A rule that did not hold is seen at its call, live and finished, and in the table of the audit."""

from __future__ import annotations

import pytest

from netflux_nb import AuditError, audit, function, runs, state
from netflux_nb.session import here
from netflux_nb.show.parts import text
from netflux_nb.show.state_views.audit_table import audit_table
from netflux_nb.show.trees import tree
from netflux_nb.show.wire import rows


@pytest.fixture(autouse=True)
def session(tmp_path):
    with here.fresh() as fresh:
        fresh.configure(store=str(tmp_path / "store"))
        yield fresh


@pytest.fixture
def refused():
    bank = state({"accounts": {"ann": 5}}, name="bank")
    bank.rule("accounts.*", min=0, level="B", message="No <b>overdraft</b>.")
    bank.rule("accounts.*", max=3, level="I")

    @function(writes=["accounts"])
    def pay(n: int) -> None:
        """Pay."""
        bank.accounts["ann"] -= n

    with pytest.raises(AuditError):
        pay(9)
    return runs.last.view()


def test_t52_a_call_says_which_rule_it_broke(refused):
    said = "⚠ blocked: No <b>overdraft</b>. accounts.ann is -4: below 0. Level B."
    assert text.marks(refused) == [said]
    shown = tree(refused)
    html = shown.html
    assert "⚠ blocked" in str(shown)
    assert "&lt;b&gt;overdraft" in html
    assert "<b>overdraft" not in html


def test_t52_a_live_view_is_told_the_same_words(refused):
    told = []
    rows.NodeRow(refused, None, 0).encode(0.0, None, lambda said: told.append(said) or 0)
    assert told == text.marks(refused)


def test_the_worst_of_several_stands_first_and_the_rest_is_counted(refused):
    bank = state({"accounts": {"ann": 5}}, name="bank")

    @function(writes=["accounts"])
    def put(n: int) -> None:
        """Put."""
        bank.accounts["ann"] = n

    audit({"process_recipes": {"put": {"inputs": [{"field": "n", "max": 3}]}}})
    put(4)
    [said] = text.marks(runs.last.view())
    assert said.startswith("⚠ warned: n is 4: above 3 at the way into put(). Level C.")
    assert said.endswith(", 1 more")


def test_the_table_of_an_audit_says_what_holds_and_what_broke(refused):
    shown = audit_table(audit())
    for said in ("Audit · 2 rules", "accounts.*", "min 0", "B block", "blocked", "Broken lately"):
        assert said in str(shown)
        assert said in shown.html
    assert "<b>overdraft" not in shown.html


def test_an_audit_without_rules_says_how_to_give_some():
    assert 'bank.rule("total", min=0, level="B")' in str(audit_table(audit()))
