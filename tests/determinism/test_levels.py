"""What may vary is declared, weighed and summed up (rows F10 to F31)."""

import pytest

from netflux_nb import NodeState, function
from netflux_nb.core import events as ev
from netflux_nb.core.errors import ArgumentError, PolicyError
from netflux_nb.core.functions.define import agent
from netflux_nb.core.messages import Spent, TokenUsage
from netflux_nb.core.policy import Answer
from netflux_nb.core.views import NodeView
from netflux_nb.determinism.classes import class_of, classes_of, event_class, profile
from netflux_nb.determinism.ledger import Ledger, Use, ledger_of
from netflux_nb.determinism.levels import (
    MAGNITUDES,
    RANK,
    SEVERITY,
    SOURCE_OF_INTENT,
    Ceiling,
    EntropyBudget,
    Intent,
    NonDeterminismPolicy,
    NonDeterminismViolationError,
    Slice,
    check_level,
    environment_fingerprint,
    fingerprint,
    largest,
    reasoning_seed,
    source_of,
    step_seed,
    unsafe_config,
)

ALL = tuple(SEVERITY)
LLM = Intent("llm", "low", "high", "it writes")


def ledger(*, intents=(LLM,), variance=None, level="bounded", **budget):
    made = EntropyBudget(**{"allowed_sources": ALL, **budget})
    return Ledger(made, intents, variance=variance, level=level)


def view_of(fn, children=()):
    return NodeView(
        id=1,
        fn=fn,
        inputs={},
        state=NodeState.Success,
        outputs=None,
        exception=None,
        children=tuple(children),
        usage=None,
        transcript=(),
        started_at=0.0,
        ended_at=0.0,
        update_seqnum=1,
    )


@pytest.mark.parametrize(
    ("value", "other"),
    [([1, 2], [2, 1]), ((1, 2), [1, 2]), (1, "1"), (1, 1.0), (b"a", "a"), ({"a": 1}, {"a": 2})],
    ids=str,
)
def test_f10_values_that_differ_have_different_fingerprints(value, other):
    assert fingerprint(value) != fingerprint(other)


def test_f10_a_fingerprint_ignores_the_order_of_keys_only():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint("é") == fingerprint("é")


@pytest.mark.parametrize("value", [object(), [object]], ids=["object", "class"])
def test_f10_what_has_no_canonical_form_has_no_fingerprint(value):
    with pytest.raises(ArgumentError, match="no fingerprint"):
        fingerprint(value)


LEVEL_NEEDS = {
    "strict": {"a seed", "one order"},
    "bounded": {"a seed", "one order"},
    "probabilistic": {"one order"},
    "unconstrained": set(),
}


@pytest.mark.parametrize(("level", "needs"), LEVEL_NEEDS.items(), ids=LEVEL_NEEDS)
def test_f13_a_level_says_what_it_needs(level, needs):
    bare = {"has_seed": False, "is_normalised": False, "environment": "e", "current": "e"}

    check_level(level, has_seed=True, is_normalised=True, environment="e", current="e")
    if not needs:
        check_level(level, **bare)
        return
    with pytest.raises(NonDeterminismViolationError) as caught:
        check_level(level, **bare)

    assert {n for n in ("a seed", "one order") if n in str(caught.value)} == needs


@pytest.mark.parametrize("level", LEVEL_NEEDS)
def test_f13_every_level_needs_the_environment_it_was_planned_for(level):
    with pytest.raises(NonDeterminismViolationError, match="the environment"):
        check_level(level, has_seed=True, is_normalised=True, environment="e", current="f")


def test_f13_a_level_that_is_none_is_named():
    with pytest.raises(ArgumentError, match="strict, bounded"):
        check_level("free", has_seed=True, is_normalised=True, environment="", current="")


def test_q55_f14_the_environment_is_python_the_platform_and_every_package():
    parts = "3.13", "linux", {"numpy": "2.0", "pandas": "3.0"}
    others = (
        ("3.12", *parts[1:]),
        (parts[0], "macos", parts[2]),
        (*parts[:2], {"numpy": "2.1", "pandas": "3.0"}),
        (*parts[:2], {"numpy": "2.0"}),
        (*parts[:2], {"numpy": "3.0", "pandas": "2.0"}),
    )
    here = environment_fingerprint(*parts)

    assert here == environment_fingerprint(*parts[:2], dict(reversed(parts[2].items())))
    assert len({here, *(environment_fingerprint(*other) for other in others)}) == 6
    assert len(here) == 64


def test_f15_seeds_are_32_bits_of_what_they_are_for():
    assert step_seed(0, "a") != step_seed(1, "a")
    assert 0 <= step_seed(3, "b") < 2**32
    assert reasoning_seed(["a", "b"], ["c"]) == reasoning_seed(["b", "a"], ["c"])
    assert reasoning_seed(["a"], ["b", "c"]) != reasoning_seed(["a", "b"], ["c"])


def test_f17_strict_takes_nothing_that_was_not_authorised():
    strict = ledger(level="strict")

    with pytest.raises(NonDeterminismViolationError, match="unauthorised"):
        strict.record("seeded_rng", "low", authorised=False)

    assert not strict.report()
    assert not ledger().record("seeded_rng", "low", authorised=False).authorised


CLASSED = {
    "effect": (ev.EffectStarted("shell"), "external"),
    "question": (ev.EffectStarted("human"), "human"),
    "draw": (ev.Drawn("random", 0.5), "stochastic"),
    "clock": (ev.Drawn("clock", 1.0), "environmental"),
    "request": (ev.RequestEnded(Spent("p", None, TokenUsage())), "stochastic"),
    "answer": (ev.Answered(Answer(True)), "human"),
    "start": (ev.NodeStarted(), "structural"),
    "older": ("HUMAN_INTERVENTION", "human"),
}


@pytest.mark.parametrize(("event", "wanted"), CLASSED.values(), ids=CLASSED)
def test_f18_an_event_has_a_class(event, wanted):
    assert event_class(event) == wanted


def test_f18_a_node_has_the_classes_of_what_it_is():
    @function
    def plain() -> int:
        """Count."""
        return 1

    @function(effect="shell", needs_approval=True)
    def act() -> int:
        """Act."""
        return 1

    thinks = agent("think()", "x", model="scripted")

    assert class_of(view_of(plain)) == ("structural",)
    assert class_of(view_of(act)) == ("external", "human")
    assert class_of(view_of(thinks)) == ("stochastic",)
    tree = view_of(plain, [view_of(act), view_of(thinks)])
    assert classes_of(tree) == ("external", "human", "stochastic", "structural")


def test_f19_a_profile_takes_the_largest_of_each_source_and_its_slice():
    part = Slice("data", "low", "high")
    budget = EntropyBudget(allowed_sources=["data"], per_source=[part])

    found = profile(
        "bounded", [("data", "low"), ("data", "high"), ("human_input", "low")], budget=budget
    )

    assert found.magnitude == "high"
    assert [(p.source, p.magnitude, p.slice) for p in found.per_source] == [
        ("data", "high", part),
        ("human_input", "low", None),
    ]
    assert found.confidence_decay == 0.5


def test_f20_what_lets_a_run_go_on_that_varies_is_said():
    assert unsafe_config("strict") is None
    assert unsafe_config("bounded", "continue") == (
        "unsafe_config: level is bounded, failure_mode is continue"
    )


def test_f21_every_source_has_its_severity():
    assert SEVERITY == {
        "seeded_rng": "low",
        "external_oracle": "high",
        "human_input": "critical",
        "data": "medium",
    }


def test_q55_f22_magnitudes_are_labels_in_one_order_and_checked():
    assert MAGNITUDES == ("low", "medium", "high")
    assert RANK["low"] < RANK["medium"] < RANK["high"]
    assert [largest(some) for some in (("low", "high", "medium"), ("medium", "low"), ())] == [
        "high",
        "medium",
        None,
    ]
    intent = Intent("retrieval", "medium", "medium", "why")
    assert [intent.covers("data", one) for one in MAGNITUDES] == [False, True, False]
    makers = {
        "use": lambda magnitude: Use(source="data", magnitude=magnitude),
        "min of intent": lambda magnitude: Intent("llm", min_magnitude=magnitude),
        "max of intent": lambda magnitude: Intent("llm", max_magnitude=magnitude),
        "slice": lambda magnitude: Slice("data", max_magnitude=magnitude),
        "budget": lambda magnitude: EntropyBudget(
            allowed_sources=["data"], min_magnitude=magnitude
        ),
    }
    for name, make in makers.items():
        assert make("medium") is not None, name
        for wrong in ("huge", "LOW", ""):
            with pytest.raises(ArgumentError, match="low, medium, high"):
                make(wrong)


def test_f23_an_intent_declares_one_source_within_its_bounds():
    assert set(SOURCE_OF_INTENT) == {"llm", "retrieval", "human", "external"}
    assert LLM.covers("seeded_rng", "high")
    assert not LLM.covers("data", "high")
    assert not Intent("llm", "low", "medium", "why").covers("seeded_rng", "high")
    with pytest.raises(ArgumentError, match="source of an intent"):
        Intent("dice")


BAD_BUDGETS = {
    "no source": ({"allowed_sources": []}, "at least one source"),
    "strange source": ({"allowed_sources": ["dice"]}, "seeded_rng"),
    "strange action": ({"exhaustion_action": "shrug"}, "halt, degrade"),
    "two slices": ({"per_source": [Slice("data"), Slice("data")]}, "one slice a source"),
    "two ceilings": (
        {"ceilings": [Ceiling(source="data"), Ceiling(source="data")]},
        "one ceiling a source",
    ),
}


@pytest.mark.parametrize(("given", "told"), BAD_BUDGETS.values(), ids=BAD_BUDGETS)
def test_f24_a_budget_that_says_nonsense_is_refused(given, told):
    with pytest.raises(ArgumentError, match=told):
        EntropyBudget(**{"allowed_sources": ["data"], **given})


@pytest.mark.parametrize("given", [{"count": -1}, {"tokens": 0}, {"usd": 0}], ids=str)
def test_f24_a_ceiling_is_above_nothing(given):
    with pytest.raises(ArgumentError, match="ceiling"):
        Ceiling(source="data", **given)


def test_f25_the_variance_class_is_a_ceiling_whatever_the_budget_says():
    with pytest.raises(NonDeterminismViolationError, match="variance class"):
        ledger(variance="low").record("seeded_rng", "medium")


def test_f26_nothing_may_vary_without_a_budget():
    with pytest.raises(NonDeterminismViolationError, match="budget must be declared") as caught:
        Ledger().record("data", "low")

    assert isinstance(caught.value, PolicyError)


def test_f27_degrade_and_mark_record_what_halt_refuses():
    marked = ledger(max_magnitude="low", exhaustion_action="mark_non_certifiable")
    degraded = ledger(max_magnitude="low", exhaustion_action="degrade")

    marked.record("seeded_rng", "high")
    degraded.record("seeded_rng", "high")

    assert (marked.exhausted, marked.non_certifiable, len(marked)) == (True, True, 1)
    assert (degraded.exhausted, degraded.non_certifiable, len(degraded)) == (True, False, 1)
    assert degraded.actions == {"seeded_rng": "degrade"}


CEILINGS = {
    "count": (Ceiling(source="seeded_rng", count=2), {}, "of 2 uses, 2 were made"),
    "tokens": (Ceiling(source="seeded_rng", tokens=25), {"tokens": 10}, "of 25 tokens, 30"),
    "usd": (Ceiling(source="seeded_rng", usd=0.25), {"usd": 0.1}, r"of \$0.25, \$0.3 "),
}


@pytest.mark.parametrize(("ceiling", "each", "told"), CEILINGS.values(), ids=CEILINGS)
def test_f24_each_use_takes_from_its_sources_ceiling(ceiling, each, told):
    used = ledger(ceilings=[ceiling])
    used.record("seeded_rng", "low", **each)
    used.record("seeded_rng", "low", **each)

    with pytest.raises(NonDeterminismViolationError, match=told):
        used.record("seeded_rng", "low", **each)

    assert used.exhausted
    assert len(used) == 2


def test_f24_a_ceiling_in_money_stops_where_the_price_is_not_known():
    used = ledger(ceilings=[Ceiling(source="seeded_rng", usd=1)])

    with pytest.raises(NonDeterminismViolationError, match="nobody knows"):
        used.record("seeded_rng", "low", usd=None)


def test_f24_one_source_does_not_take_from_another():
    intents = [LLM, Intent("retrieval", justification="it reads")]
    used = ledger(intents=intents, ceilings=[Ceiling(source="data", count=1)])
    used.record("data", "low")

    assert used.record("seeded_rng", "low").authorised


def test_f24_a_ceiling_may_say_itself_what_happens():
    part = Ceiling(source="seeded_rng", count=1, exhaustion_action="mark_non_certifiable")
    used = ledger(ceilings=[part])
    used.record("seeded_rng", "low")

    used.record("seeded_rng", "low")

    assert used.non_certifiable
    assert used.exhaustion_action == "mark_non_certifiable"


def test_what_is_settled_later_counts_and_what_did_not_happen_does_not():
    used = ledger(ceilings=[Ceiling(source="seeded_rng", tokens=100)])
    first = used.observe(Use(source="seeded_rng", magnitude="low", is_open=True))
    second = used.observe(Use(source="seeded_rng", magnitude="low", is_open=True))
    used.take_back(second)
    used.settle(first, tokens=100, usd=0.5)

    (row,) = used.report()
    assert (row.count, row.tokens, row.usd) == (1, 100, 0.5)
    assert used.fault(Use(source="seeded_rng", magnitude="low", is_open=True)).action == "halt"


def test_f28_a_policy_looks_at_intents_budget_slices_and_variance():
    policy = NonDeterminismPolicy(
        allowed_sources=["data"],
        allowed_intents=["retrieval"],
        max_magnitude="medium",
        variance="medium",
    )
    intent = Intent("retrieval", "low", "medium", "it reads")
    budget = EntropyBudget(allowed_sources=["data"], max_magnitude="medium")

    policy.check([intent], budget, "medium")
    wrong = {
        "budget source": ([], EntropyBudget(allowed_sources=ALL, max_magnitude="low"), "low"),
        "budget max": ([], EntropyBudget(allowed_sources=["data"]), "low"),
        "budget slice not": (
            [],
            EntropyBudget(
                allowed_sources=["data"], max_magnitude="low", per_source=[Slice("human_input")]
            ),
            "low",
        ),
        "slice max": (
            [],
            EntropyBudget(
                allowed_sources=["data"], max_magnitude="low", per_source=[Slice("data")]
            ),
            "low",
        ),
        "variance class": ([], None, "high"),
        "requires justification": ([Intent("retrieval", "low", "low")], None, "low"),
    }
    for told, given in wrong.items():
        with pytest.raises(NonDeterminismViolationError, match=told):
            policy.check(*given)


def test_f29_every_kind_of_effect_has_a_source():
    kinds = ("llm", "random", "files", "frames", "human", "shell", "python", "mcp", "clock", "x")
    assert {kind: source_of(kind) for kind in kinds} == {
        "llm": "seeded_rng",
        "random": "seeded_rng",
        "files": "data",
        "frames": "data",
        "human": "human_input",
        "shell": "external_oracle",
        "python": "external_oracle",
        "mcp": "external_oracle",
        "clock": "external_oracle",
        "x": "external_oracle",
    }


def happened(*bodies):
    return [ev.Event(i, float(i), 1, body) for i, body in enumerate(bodies)]


def test_p13_a_stored_run_is_judged_without_running():
    reply = Spent("scripted", "m", TokenUsage(input_tokens_total=5, output_tokens_total=2))
    events = happened(
        ev.EffectStarted("shell"),
        ev.RequestStarted("scripted", "m", 0, 1, "d"),
        ev.RequestEnded(reply),
        ev.Drawn("clock", 1.0),
        ev.Drawn("clock", 1.0, served=True),
        ev.Answered(Answer(True)),
        ev.RequestEnded(Spent("scripted", "m", TokenUsage(), served=True)),
        ev.RequestStarted("scripted", "m", 1, 3, "d"),
    )

    judged = ledger_of(events, EntropyBudget(allowed_sources=ALL), [LLM])

    assert [(r.kind, r.count, r.tokens, r.authorised) for r in judged.report()] == [
        ("clock", 1, 0, False),
        ("shell", 1, 0, False),
        ("human", 1, 0, False),
        ("llm", 2, 7, True),
    ]
    assert "shell: entropy magnitude/source not declared" in judged.faults[0]


def test_p13_the_answer_to_a_question_is_that_questions():
    events = happened(ev.EffectStarted("human"), ev.Answered(Answer("yes")))

    assert [(r.kind, r.count) for r in ledger_of(events).report()] == [("human", 1)]


def test_p13_a_driver_that_counts_itself_is_a_model_that_was_asked():
    events = happened(ev.UsageSet(TokenUsage(input_tokens_total=3)))

    (row,) = ledger_of(events).report()
    assert (row.source, row.count, row.tokens, row.usd) == ("seeded_rng", 1, 3, None)


def test_a_ledger_of_many_uses_is_small():
    used = ledger()
    for _ in range(10_000):
        used.observe(Use(source="data", magnitude="low", kind="files"))

    assert len(used) == 10_000
    assert len(used.report()) == 1
    assert len(used.faults) == 100
    assert "files×10000" in repr(used)
