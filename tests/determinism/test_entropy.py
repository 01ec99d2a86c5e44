"""What varies in a real run is weighed, refused, switched and shown (rows F17 to F31)."""

from dataclasses import replace

import pytest

from netflux_nb import Runtime, agent, function
from netflux_nb.core import bill
from netflux_nb.core import policy as moments
from netflux_nb.core.errors import ArgumentError, RejectedError
from netflux_nb.core.messages import ModelRequest, Spent, TokenUsage
from netflux_nb.determinism.entropy import Determinism
from netflux_nb.determinism.ledger import ledger_of
from netflux_nb.determinism.levels import (
    Ceiling,
    EntropyBudget,
    Intent,
    NonDeterminismPolicy,
    NonDeterminismViolationError,
    Slice,
)
from netflux_nb.func_lib.human import human_in_loop
from netflux_nb.governance.approvals import Approvals
from netflux_nb.record.journal import Journal
from netflux_nb.replay.begin import replay
from netflux_nb.replay.recording import Recording
from netflux_nb.testing import ScriptedModel, Turn, call, flaky

ALL = ("seeded_rng", "external_oracle", "human_input", "data")
INTENTS = (
    Intent("llm", justification="it writes"),
    Intent("external", justification="it acts"),
    Intent("human", justification="it asks"),
    Intent("retrieval", justification="it reads"),
)
USED = TokenUsage(input_tokens_regular=7, input_tokens_total=7, output_tokens_total=3)


@pytest.fixture
def acted():
    return []


@pytest.fixture
def act(acted):
    @function(effect="shell")
    def act(what: str) -> str:
        """Reach outside."""
        acted.append(what)
        return what

    return act


def budget(**more):
    return EntropyBudget(**{"allowed_sources": ALL, **more})


def watching(**more):
    return Determinism(**{"budget": budget(), "intents": INTENTS, **more})


def run(fn, inputs, *policies, models=None, **options):
    """Run one tree and give its Node."""
    models = {"scripted": ScriptedModel(lambda request: Turn(text="well", usage=USED))} | (
        models or {}
    )
    with Runtime([fn], models=models, policies=policies, **options) as runtime:
        node = runtime.get_ctx().invoke(fn, inputs)
        node.wait(20)
    return node


def waits(node):
    """Come back when the Node waits for a person."""
    view = node.view()
    while view.waiting_on is None or view.waiting_on.kind not in ("answer", "approval"):
        view = node.watch(as_of_seq=view.update_seqnum, timeout=20)
        assert view is not None


def rows(watch, node=None):
    return [(r.source, r.kind, r.count, r.authorised) for r in watch.report(node)]


def events_in(journal):
    return Recording(journal.path).events


def thinks(**options):
    return agent("think()", "Think.", model="scripted", **options)


def test_f29_effects_requests_and_tokens_of_a_run_are_in_its_ledger(act):
    watch = watching()
    one = thinks(uses=[act])
    script = ScriptedModel(
        [Turn(calls=[call("act", what="a")], usage=USED), Turn(text="x", usage=USED)]
    )

    node = run(one, {}, watch, models={"scripted": script})

    assert node.result() == "x"
    assert rows(watch, node) == [
        ("external_oracle", "shell", 1, True),
        ("seeded_rng", "llm", 2, True),
    ]
    assert watch.report()[1].tokens == 20


def test_plain_code_varies_in_nothing():
    @function
    def plain() -> int:
        """Count."""
        return 1

    watch = Determinism(level="strict")

    assert run(plain, {}, watch).result() == 1
    assert watch.report() == ()


def test_f26_strict_refuses_an_effect_that_was_not_declared(act, acted):
    watch = Determinism(level="strict", budget=budget(), intents=INTENTS[:1])

    node = run(act, {"what": "a"}, watch)

    assert isinstance(node.exception, NonDeterminismViolationError)
    assert "act() uses shell" in str(node.exception)
    assert "not declared in non-determinism intent" in str(node.exception)
    assert acted == []
    assert node.started_at is None
    assert rows(watch, node) == []


@pytest.mark.parametrize("level", ["bounded", "probabilistic", "unconstrained"])
def test_f26_other_levels_record_it_as_not_authorised(act, acted, level):
    watch = Determinism(level=level)

    node = run(act, {"what": "a"}, watch)

    assert node.result() == "a"
    assert acted == ["a"]
    assert rows(watch, node) == [("external_oracle", "shell", 1, False)]
    assert "budget must be declared" in watch.ledger(node).faults[0]


def test_f26_strict_refuses_a_model_that_was_not_declared():
    script = ScriptedModel(["never"])
    watch = Determinism(level="strict", budget=budget(), intents=INTENTS[1:])

    node = run(thinks(), {}, watch, models={"scripted": script})

    assert isinstance(node.exception, NonDeterminismViolationError)
    assert "think() asks a model" in str(node.exception)
    assert script.requests == []
    assert rows(watch, node) == []


def test_f25_the_variance_class_bounds_what_an_effect_is_declared_as(act):
    watch = watching(level="strict", variance="medium")
    calm = watching(level="strict", variance="medium", magnitudes={"shell": "low"})

    assert "variance class" in str(run(act, {"what": "a"}, watch).exception)
    assert run(act, {"what": "a"}, calm).result() == "a"


def test_f24_a_ceiling_counts_over_the_whole_tree_and_halts(act, acted):
    @function(uses=[act])
    def many(n: int) -> int:
        """Act often."""
        for i in range(n):
            act(what=str(i))
        return n

    watch = watching(budget=budget(ceilings=[Ceiling(source="external_oracle", count=2)]))

    node = run(many, {"n": 5}, watch)

    assert "of 2 uses, 2 were made" in str(node.exception)
    assert acted == ["0", "1"]
    assert watch.ledger(node).exhausted
    assert rows(watch, node) == [("external_oracle", "shell", 2, True)]


def test_f24_trees_have_ledgers_of_their_own(act):
    watch = watching(budget=budget(ceilings=[Ceiling(source="external_oracle", count=1)]))
    with Runtime([act], policies=[watch]) as runtime:
        nodes = [runtime.get_ctx().invoke(act, {"what": str(i)}) for i in range(3)]
        assert [node.result(20) for node in nodes] == ["0", "1", "2"]

    assert [rows(watch, node)[0][2] for node in nodes] == [1, 1, 1]


def test_f24_tokens_that_are_used_up_stop_the_next_request(act):
    watch = watching(budget=budget(ceilings=[Ceiling(source="seeded_rng", tokens=15)]))
    script = ScriptedModel(lambda request: Turn(calls=[call("act", what="a")], usage=USED))

    node = run(thinks(uses=[act]), {}, watch, models={"scripted": script})

    assert "of 15 tokens, 20 were used" in str(node.exception)
    assert len(script.requests) == 2
    assert watch.report(node)[1].tokens == 20


class Prices:
    """One USD a token for "paid", nothing known of others."""

    source = "a test"

    def __call__(self, provider, model, usage, time):
        return float(usage.total) if provider == "paid" else None


@pytest.fixture
def priced():
    with bill.prices.filled(Prices()):
        yield


@pytest.mark.usefixtures("priced")
def test_f24_money_is_counted_and_stops_the_next_request(act):
    watch = watching(budget=budget(ceilings=[Ceiling(source="seeded_rng", usd=15)]))
    script = ScriptedModel(lambda request: Turn(calls=[call("act", what="a")], usage=USED))
    one = agent("think()", "Think.", model="paid", uses=[act])

    node = run(one, {}, watch, models={"paid": script})

    assert "of $15, $20 were used" in str(node.exception)
    assert watch.report(node)[1].usd == 20.0


@pytest.mark.usefixtures("priced")
def test_f24_a_model_without_a_price_is_not_asked_under_a_ceiling_in_money():
    watch = watching(budget=budget(ceilings=[Ceiling(source="seeded_rng", usd=15)]))

    node = run(thinks(), {}, watch)

    assert "nobody knows" in str(node.exception)


def test_f27_mark_non_certifiable_only_flags(act):
    watch = watching(budget=budget(max_magnitude="low", exhaustion_action="mark_non_certifiable"))

    node = run(act, {"what": "a"}, watch)

    assert node.result() == "a"
    assert watch.ledger(node).non_certifiable
    assert rows(watch, node) == [("external_oracle", "shell", 1, True)]


def test_f27_a_slice_says_what_happens_to_its_own_source(act):
    slices = [Slice("external_oracle", "low", "low", "mark_non_certifiable")]
    watch = watching(budget=budget(per_source=slices))

    node = run(act, {"what": "a"}, watch)

    assert node.result() == "a"
    assert watch.ledger(node).non_certifiable


class Stub:
    """What a policy sees of a Node."""

    id = 1
    parent = None
    answer_given = None
    is_done = False

    def __init__(self, fn):
        self.fn = fn

    @property
    def root_ancestor(self):
        return self


SPENT = Spent("scripted", "large", USED)
REQUEST = ModelRequest(provider="scripted", model="large", system="", parts=())


def degrading(**more):
    ceiling = Ceiling(source="seeded_rng", count=1, exhaustion_action="degrade")
    return watching(budget=budget(ceilings=[ceiling]), **more)


def test_f27_degrade_asks_another_model_from_then_on():
    watch = degrading(degrade_to="scripted:small")
    node = Stub(thinks())

    said = []
    for _ in range(3):
        said.append(watch(moments.Ask(node, REQUEST)))
        spent = replace(SPENT, time=1.0)
        assert watch(moments.Replied(node, REQUEST, None, spent)) is None
    small = replace(REQUEST, model="small")

    assert said == [None, moments.Switch("scripted:small"), moments.Switch("scripted:small")]
    assert watch(moments.Ask(node, small)) is None
    assert watch.ledger(node).exhausted


def test_f27_a_request_that_was_switched_and_asked_again_counts_once():
    watch = degrading(degrade_to="scripted:small")
    node = Stub(thinks())
    watch(moments.Ask(node, REQUEST))
    watch(moments.Ask(node, replace(REQUEST, model="small")))

    assert rows(watch, node) == [("seeded_rng", "llm", 1, True)]


def test_f27_degrade_without_another_model_is_recorded(act):
    watch = degrading()

    script = ScriptedModel([call("act", what="a"), "x"])
    node = run(thinks(uses=[act]), {}, watch, models={"scripted": script})

    assert node.result() == "x"
    assert watch.ledger(node).actions == {"seeded_rng": "degrade"}


def test_f27_a_run_is_degraded_to_another_model(act):
    watch = degrading(degrade_to="small")
    large = ScriptedModel(lambda request: call("act", what="a"))
    small = ScriptedModel(["cheap"])

    node = run(thinks(uses=[act]), {}, watch, models={"scripted": large, "small": small})

    assert node.result() == "cheap"
    assert len(large.requests) == 1


def test_f28_a_policy_is_asked_before_anything_runs():
    policy = NonDeterminismPolicy(allowed_intents=["retrieval"])

    with pytest.raises(NonDeterminismViolationError, match="source not allowed by policy"):
        watching(policy=policy)


@pytest.mark.parametrize(
    "given",
    [{"level": "free"}, {"variance": "huge"}, {"degrade_to": " "}, {"magnitudes": {"x": 1}}],
)
def test_what_says_nonsense_is_refused(given):
    with pytest.raises(ArgumentError):
        Determinism(**given)


def test_f20_a_loose_configuration_is_told():
    assert Determinism(level="strict").warning is None
    assert "level is bounded" in watching().warning


@pytest.mark.parametrize(("yes", "kinds"), [(True, ["shell", "human"]), (False, ["human"])])
@pytest.mark.parametrize("is_first", [True, False])
def test_f29_a_persons_yes_and_no_are_human_input(acted, yes, kinds, is_first):
    @function(effect="shell", needs_approval=True)
    def act() -> str:
        """Reach outside."""
        acted.append("a")
        return "a"

    watch = watching()
    policies = [watch, Approvals()] if is_first else [Approvals(), watch]
    with Runtime([act], policies=policies) as runtime:
        node = runtime.get_ctx().invoke(act, {})
        waits(node)
        (node.approve if yes else node.reject)()
        node.wait(20)

    assert acted == ["a"] * yes
    assert yes or isinstance(node.exception, RejectedError)
    assert [kind for _, kind, *_ in rows(watch, node)] == kinds


def test_f29_a_question_to_a_person_is_human_input_once():
    watch = watching()
    with Runtime([human_in_loop], policies=[watch]) as runtime:
        node = runtime.get_ctx().invoke(human_in_loop, {"question": "Well?"})
        waits(node)
        runtime.answer(node, "yes", by="me")
        assert node.result(20) == "yes"

    assert rows(watch, node) == [("human_input", "human", 1, True)]


def test_f29_draws_are_weighed():
    watch = watching(level="strict", intents=INTENTS[:1])
    node = Stub(thinks())

    assert watch(moments.Draw(node, "random")) is None
    refused = watch(moments.Draw(node, "clock"))

    assert isinstance(refused.error, NonDeterminismViolationError)
    assert "uses clock" in str(refused.error)
    assert rows(watch, node) == [("seeded_rng", "random", 1, True)]


def test_f29_a_request_that_is_tried_again_was_asked_twice():
    watch = watching()
    script = ScriptedModel([flaky(), "x"])

    async def soon(seconds):
        return None

    node = run(thinks(), {}, watch, models={"scripted": script}, sleep=soon)

    assert node.result() == "x"
    assert rows(watch, node) == [("seeded_rng", "llm", 2, True)]


class Refuses:
    """A policy after ours that lets nothing be asked."""

    moments = frozenset({moments.Ask})

    def __call__(self, moment):
        return moments.Refuse(RejectedError("no"))


def test_f29_a_request_that_another_policy_refused_was_not_made():
    watch = watching()

    node = run(thinks(), {}, watch, Refuses())

    assert isinstance(node.exception, RejectedError)
    assert rows(watch, node) == []


def test_f31_a_run_with_declared_intents_is_stored_and_judged_alike(tmp_path, act):
    @function(uses=[act])
    def study() -> int:
        """Act twice."""
        act(what="a")
        act(what="b")
        return 2

    watch = watching()
    with Journal(tmp_path) as journal:
        node = run(study, {}, watch, sink=journal)
    judged = ledger_of(events_in(journal), watch.budget, watch.intents)

    assert node.result() == 2
    assert judged.report() == watch.report(node)


def test_p13_the_ledger_of_a_record_is_the_ledger_of_the_run(tmp_path, act):
    watch = watching()
    one = thinks(uses=[act])
    script = ScriptedModel(
        [Turn(calls=[call("act", what="a")], usage=USED), Turn(text="x", usage=USED)]
    )
    with Journal(tmp_path) as journal:
        node = run(one, {}, watch, models={"scripted": script}, sink=journal)

    judged = ledger_of(events_in(journal), watch.budget, watch.intents)

    assert judged.report() == watch.report(node)
    assert judged.profile().classes == ("environmental", "external", "stochastic", "structural")


def test_p13_nothing_was_free_in_a_replay(tmp_path, act):
    one = thinks(uses=[act])
    script = ScriptedModel([call("act", what="a"), "x"])
    with Journal(tmp_path) as journal:
        run(one, {}, models={"scripted": script}, sink=journal)
    with Journal(tmp_path / "again") as again:
        replay(Recording(journal.path), one, sink=again)

    assert ledger_of(events_in(journal)).report() != ()
    assert ledger_of(events_in(again)).report() == ()


def test_ledgers_of_old_trees_are_let_go(act):
    watch = watching(keep_trees=2)
    with Runtime([act], policies=[watch]) as runtime:
        nodes = [runtime.get_ctx().invoke(act, {"what": str(i)}) for i in range(4)]
        for node in nodes:
            node.wait(20)

    kept = [bool(watch.report(node)) for node in nodes]
    assert sum(kept) == 2
