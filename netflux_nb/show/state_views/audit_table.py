"""The rules of an audit as a table: what they ask, how often they were broken, what stopped it."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Any

from ...core.text.legible import escaped
from ...state.audit import Audit, Seen
from ...state.audit_rules import LEVELS, AuditRule
from ..parts import numbers, tables
from ..parts.html import MOST_BYTES, Page, sentence
from ..parts.shown import Shown
from ..parts.tables import Column
from ..parts.values import line

MOST_ROWS, MOST_SEEN = 200, 12

_BROKEN = Column("Broken", is_number=True)
_RULES = (
    Column("Of"), Column("Asked"), Column("Field"), Column("Must"),
    Column("Level"), _BROKEN, Column("Counts at"),
)  # fmt: skip
_SEEN = (
    Column("Time", is_short=True), Column("Call"), Column("What"),
    Column("Came to", is_short=True),
)  # fmt: skip
_ASKED = {"in": "before", "out": "after", "state": "at each change"}


def audit_table(audit: Audit, *, max_bytes: int = 30_000) -> Shown:
    """Show the rules that hold here, what broke them lately, and what stopped the kernel."""
    # Read once: HTML is drawn when somebody looks, and the audit goes on.
    counts, latches = audit.counts(), audit.latches()
    seen = list(audit.seen)
    broken = Counter(one.violated.rule for one in seen)
    rules = audit.rules
    rows = [_row(rule, broken, counts) for rule in rules[:MOST_ROWS]]
    hidden = max(len(rules) - MOST_ROWS, 0)
    told = [_told(one) for one in islice(reversed(seen), MOST_SEEN)]
    stops = [
        f"Stopped by {escaped(rule[:120])}: {escaped(str(one.get('text', ''))[:300])}"
        for rule, one in latches.items()
    ]
    how = "Mend what is wrong, then clear it: audit().clear()" if stops else ""
    head = f"Audit · {len(rules):,} rule{'' if len(rules) == 1 else 's'}"
    empty = "" if rules else 'No rule holds here. Give some: bank.rule("total", min=0, level="B")'
    words = [head, *stops, *filter(None, (how, empty))]
    words += [*tables.lines(rows, _RULES), *(["… more"] if hidden else [])] if rules else []
    if told:
        words += ["", "Broken lately", *tables.lines(told, _SEEN)]

    def html() -> str:
        page = Page(min(max_bytes, MOST_BYTES))
        page.add(f"<p><b>{sentence(head)}</b></p>")
        for stop in stops:
            page.add(f"<p><b>{sentence('✗ ' + stop)}</b></p>")
        for said in filter(None, (how, empty)):
            page.add(f"<p>{sentence(said)}</p>")
        if rules:
            tables.add(page, rows, _RULES, hidden)
        if told:
            page.add("<p>Broken lately</p>")
            tables.add(page, told, _SEEN)
        return str(page)

    return Shown("\n".join(words), html, "Audit")


def _row(rule: AuditRule, broken: Counter[str], counts: Any) -> list[Any]:
    count = counts.get(rule.id, 0)
    at = f"violation {rule.most:,}" if rule.most > 1 else "each"
    if count:
        at += f", {count:,} so far"
    must = rule.said_limit + (f" ({rule.message})" if rule.message else "")
    return [
        line(rule.scope, 60),
        _ASKED[rule.gate],
        line(rule.field, 80),
        line(must, 160),
        f"{rule.level} {LEVELS[rule.level]}",
        broken[rule.id],
        at,
    ]


def _told(one: Seen) -> list[Any]:
    return [
        numbers.moment(one.time),
        line(one.fn, 60),
        line(one.violated.text, 240),
        one.violated.action,
    ]
