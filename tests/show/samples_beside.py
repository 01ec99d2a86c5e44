"""What is shown beside a run's tree: a ledger, charts over runs, a state, a run that asks."""

from dataclasses import dataclass, field

from stories import AGENT, ASKER, LEAF, TOP, Story

from netflux_nb.core import events as ev
from netflux_nb.core.contracts.declared import Violated
from netflux_nb.core.messages import Provider, Spent, TokenUsage
from netflux_nb.core.policy import WaitingOn
from netflux_nb.determinism.ledger import Ledger, Use
from netflux_nb.determinism.levels import Ceiling, EntropyBudget, Intent, Slice
from netflux_nb.jupyter.magics.people import PendingQuestions, Question
from netflux_nb.replay.free import Free, FreeInputs
from netflux_nb.run import trend_chart
from netflux_nb.run.trend_chart import Chart, Found
from netflux_nb.session import here
from netflux_nb.show.parts import look
from netflux_nb.show.parts.charts import Series
from netflux_nb.show.state_views.audit_table import audit_table
from netflux_nb.show.state_views.state_table import state_table
from netflux_nb.show.usages import KINDS
from netflux_nb.state import audit, state
from netflux_nb.state.audit import Audit, Seen

LONG = "publish() needs a person's approval: it writes 1,204 rows of reviews into the shop's table"
WHOSE = "runs of reviews.ipynb"


def account():
    """Give an account in which a replay holds some, and some not; a budget is used up."""
    budget = EntropyBudget(
        allowed_sources=["seeded_rng", "external_oracle"],
        per_source=[Slice(source="seeded_rng", max_magnitude="medium")],
        ceilings=[Ceiling(source="seeded_rng", count=1, exhaustion_action="mark_non_certifiable")],
    )
    kept = Ledger(budget, [Intent("llm", justification="it writes")])
    oracle = {"kind": "llm", "count": 14, "tokens": 6_204, "usd": 0.0312}
    kept.observe(Use(source="external_oracle", magnitude="high", **oracle))
    kept.observe(Use(source="seeded_rng", magnitude="medium", kind="random", count=2))
    rows = (
        _free("model", "claude-sonnet-4-5", "llm", "reply", "handle_all/handle[1]/reply", count=3),
        _free("model", "claude-sonnet-4-5", "llm", "sentiment", "handle_all/handle[1]/sentiment",
              served=True),
        _free("clock", "now()", "clock", "handle_all", "handle_all", count=2),
        _free("chance", "random", "random", "handle_all", "handle_all", declared=False,
              fault="entropy source not allowed by policy"),
        _free("tool", "order_lookup", "shell", "order_lookup",
              "handle_all/handle[4]/reply/order_lookup", declared=False,
              why="has no end in the record: nobody knows whether it was done"),
        _free("person", "Which tone?", "answer", "ask", "handle_all/ask", why="nobody has answered"),
    )  # fmt: skip
    return FreeInputs(rows=rows, ledger=kept, seed=7, served=2, ran=28, missing=("frame", "model"))


def _free(source, what, kind, fn, path, *, declared=True, **more):
    given = {"key": path, "fn": fn, "path": path, "declared": declared, **more}
    return Free(source=source, what=what, kind=kind, **given)


def charts():
    """Give charts over runs, by name: columns, lines, bars, and one of nothing."""
    month = [f"2026-11-{day:02}" for day in range(1, 31)]
    week = month[-7:]
    cost = Series("cost", look.BLUE, "█")
    slow = (Series("p50", look.BLUE, "█"), Series("p95", look.AMBER, "░"))
    classes = (
        Series("OverloadedError", look.AMBER, "█"),
        Series("KeyError", look.VIOLET, "▓"),
        Series("other", *trend_chart._CLASSES[-1]),
    )
    found = {
        "money": Found(
            of="cost",
            by="day",
            series=(cost,),
            rows={day: (n % 4 * 1.37 + 0.02,) for n, day in enumerate(week)},
            notes=("Price unknown, and not in the sum: 3 requests to local:small.",),
        ),
        "tokens": Found(
            of="tokens",
            by="model",
            series=KINDS,
            rows={
                "anthropic:claude-sonnet-4-5": (48_211, 120_400, 9_002, 21_904),
                "gemini:gemini-2.5-flash": (8_400, 0, 0, 1_204),
            },
        ),
        "latency": Found(
            of="latency",
            by="day",
            series=slow,
            rows={day: (1.2 + n % 5 / 4, 3.1 + n % 7 / 2) for n, day in enumerate(month)},
        ),
        "errors": Found(
            of="errors",
            by="fn",
            series=classes,
            rows={"reply": (4, 1, 0), "order_lookup": (0, 2, 1), "sentiment": (1, 0, 0)},
        ),
        "no money": Found(of="cost", by="day", series=(cost,), rows={}),
    }
    return {name: Chart(one, WHOSE) for name, one in found.items()}


@dataclass
class _Limits:
    most: int = 1_000
    names: list[str] = field(default_factory=lambda: ["ann", "bob"])


@dataclass
class _Bank:
    accounts: dict[str, int]
    limits: _Limits = field(default_factory=_Limits)
    log: list[str] = field(default_factory=list)
    note: str = "東京 branch, opened by <b>ann</b>"


def states():
    """Show a state that was changed twice, and one that nobody has changed."""
    with here.fresh():
        bank = state(_Bank({"ann": 100, "bob": 50, "東京": 8}), name="bank")
        untouched = state_table(bank)
        with bank.edit() as draft:
            draft.accounts["ann"] = 70
            draft.accounts["bob"] = 80
        with bank.edit() as draft:
            draft.limits.most = 2_000
            draft.log.append("the most of a transfer was raised by a person who had to say why")
        return {"state": state_table(bank), "new state": untouched}


def audits():
    """Show an audit that holds some rules, of which one stopped the kernel; and one without any."""
    with here.fresh() as fresh:
        fresh.configure(store="off")
        bank = state(_Bank({"ann": 100, "bob": 50}), name="bank")
        empty = audit_table(Audit())
        bank.rule("accounts.*", min=0, level="B", message="No overdraft at 東京 <b>branch</b>.")
        bank.rule("accounts", same_sum=True, level="S", message="Money is moved, never made.")
        held = audit(
            {
                "process_recipes": {
                    "transfer_between_branches": {
                        "inputs": [
                            {"field": "amount", "max": 10_000, "level": "B", "max_threshold": 3}
                        ],
                        "outputs": [{"field": "accounts.mean()", "min": 20}],
                    }
                }
            }
        )
        told = {
            "tolerated": "amount is 12000: above 10000 at the way into transfer_between_branches()."
            " Level B. (1 of 3)",
            "blocked": "No overdraft at 東京 <b>branch</b>. accounts.ann is -430: below 0. Level B.",
            "stopped": "Money is moved, never made. accounts has another sum than before. Level S.",
        }
        rules = {"tolerated": 0, "blocked": 2, "stopped": 3}
        for nth, (action, text) in enumerate(told.items()):
            rule = held.rules[rules[action]]
            violated = Violated(
                rule.id, rule.gate, rule.field, rule.condition, rule.said_limit, "", rule.level,
                1, rule.most, action, text,
            )  # fmt: skip
            held.seen.append(Seen("a run", "transfer_between_branches", 60.0 * nth, violated))
        with fresh.notes("audit").turn() as facts:
            facts["counts"] = {held.rules[0].id: 1}
            facts["latches"] = {held.rules[3].id: {"text": told["stopped"]}}
        return {"audit": audit_table(held), "no rules": empty}


def questions():
    """Give what waits for a person: a yes, a choice, a free answer, one of a run that was cut off."""
    told = [
        (1, "top/publish", "approval", LONG, ()),
        (2, "top/publish[2]", "answer", "Which one is it?", ("left", "right")),
        (3, "top/publish[3]", "answer", "What shall the title be?", ()),
        (None, "study/publish", "approval", "publish() needs a person's approval", ()),
    ]
    run = "20261130-161225443-324ef671-1"
    return PendingQuestions([
        Question(number=number, run=run, path=path, kind=kind, what=what, choices=choices)
        for number, path, kind, what, choices in told
    ])  # fmt: skip


def asking():
    """Tell of a run in which Nodes wait, run, ask in each way, have ended in each way."""
    story = Story().opens(1, None, TOP, reviews=["the tent leaked", "東京で買いました"])
    story.happens(1, ev.NodeStarted())
    story.opens(2, 1, ASKER, title="<b>Reviews</b> of November")
    story.happens(2, ev.NodeWaits(WaitingOn("approval", LONG, id="q-1")))
    story.opens(3, 1, ASKER, title="Which one?")
    choices = ("left", "right", "neither of them")
    story.happens(3, ev.NodeWaits(WaitingOn("answer", "Which one is it?", None, choices, id="q-2")))
    story.opens(4, 1, ASKER, title="A free one")
    story.happens(4, ev.NodeWaits(WaitingOn("answer", "What shall the title be?", id="q-3")))
    story.opens(5, 1, LEAF, text="done").happens(5, ev.NodeStarted(), ev.NodeClosed("success", 4))
    broken = ev.NodeClosed("error", None, ValueError("the stove would not light above 2,000 m"))
    story.opens(6, 1, LEAF, text="broken").happens(6, ev.NodeStarted(), broken)
    story.opens(7, 1, LEAF, text="stopped").happens(7, ev.CancelAsked("enough"))
    story.happens(7, ev.NodeClosed("canceled"))
    story.happens(8, ev.NodeOpened(1, AGENT, {"text": "t"}, "k8", None, Provider.Anthropic))
    usage = TokenUsage(input_tokens_regular=900, input_tokens_total=900, output_tokens_total=304)
    spent = Spent("anthropic", "claude-sonnet-4-5", usage, time=1_800_000_000.0)
    story.happens(8, ev.NodeStarted(), ev.RequestEnded(spent))
    return story.opens(9, 1, LEAF, text="not begun").looks()


def begun():
    """Tell of a run that was called just now."""
    return Story().opens(1, None, TOP).looks()


def ended():
    """Tell of the run that asks, after all was answered."""
    story = asking()
    for one in (2, 3, 4, 8, 9):
        story.happens(one, ev.NodeWaits(None), ev.NodeStarted(), ev.NodeClosed("success", "done"))
    return story.happens(1, ev.NodeClosed("success", {"rows": 1_204})).looks()
