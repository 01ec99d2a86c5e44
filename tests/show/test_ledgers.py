"""The ledger of non-determinism: of live and stored runs, forks and replays (rows Q42, P13)."""

import contextlib

import pytest
from show.hostile import checked

import netflux_nb
from netflux_nb import NodeState, RunContext, Runtime, agent, function, runs, session
from netflux_nb.determinism.entropy import Determinism
from netflux_nb.determinism.ledger import declared_in
from netflux_nb.determinism.levels import Ceiling, EntropyBudget, Intent, Slice
from netflux_nb.func_lib.human import human_in_loop
from netflux_nb.replay.free import ORIGINS, Free, FreeInputs
from netflux_nb.run import Run, page_of_run
from netflux_nb.run.listing import serve
from netflux_nb.show import ledgers
from netflux_nb.testing import ScriptedModel

think = agent("think(what: str)", "Think of {what}", model="scripted")


class Odd:
    """A value that no record keeps."""


@function(effect="shell")
def act(what: str) -> object:
    """Reach outside."""
    return Odd() if what == "odd" else what


@function(uses=[think, act])
def study(ctx: RunContext, what: str) -> str:
    """Take a bit of everything."""
    ctx.now()
    ctx.now()
    _ = ctx.random
    ctx.uuid()
    ctx.env("LANG")
    act(what=what)
    return think(what=what)


BUDGET = EntropyBudget(
    allowed_sources=["seeded_rng", "external_oracle"],
    per_source=[Slice(source="seeded_rng", max_magnitude="medium")],
    ceilings=[Ceiling(source="seeded_rng", count=2, exhaustion_action="mark_non_certifiable")],
)
INTENTS = [Intent("llm", justification="it writes"), Intent("external", justification="it acts")]


@contextlib.contextmanager
def recorded(tmp_path, monkeypatch, *policies):
    """Use a default runtime that records into a folder of this test."""
    monkeypatch.setenv("NETFLUX_HOME", str(tmp_path / "store"))
    models = {"scripted": ScriptedModel(lambda request: "well")}
    with Runtime(is_open=True, models=models, policies=policies) as runtime:
        netflux_nb.use(runtime)
        yield runtime
    session.close_records()


@pytest.fixture
def store(tmp_path, monkeypatch):
    with recorded(tmp_path, monkeypatch) as runtime:
        yield runtime


def rows(run):
    return sorted((r.source, r.what, r.path, r.count) for r in run.ledger().rows)


def test_q42_the_ledger_of_a_run_names_each_input_that_was_free_and_where(store):
    run = study.start("a").wait()

    assert rows(run) == [
        ("chance", "random", "study", 1),
        ("chance", "uuid", "study", 1),
        ("clock", "clock", "study", 2),
        ("environment", "LANG", "study", 1),
        ("model", "scripted", "study/think", 1),
        ("tool", "shell", "study/act", 1),
    ]
    words = str(run.ledger())
    head = words.splitlines()[0]
    assert head.startswith("● study: 1 model, 2 clock, 2 chance, 1 environment, 1 tool, a replay")
    assert f"({run.id} seed " in head
    assert "Nothing was declared" in words
    page = checked(run.ledger().html, most=30_000)
    assert "study/think" in page.text


def test_q42_live_and_stored_ledgers_are_alike(store):
    live = study.start("a").wait()
    stored = runs[live.id]

    assert isinstance(stored, Run)
    assert str(live.ledger()) == str(stored.ledger())
    assert live.ledger().html == stored.ledger().html


def test_q42_what_a_replay_cannot_hold_comes_first_and_says_why(store):
    run = study.start("odd").wait()

    shown = run.ledger()

    first = next(row for row in str(shown).splitlines() if row.startswith(("tool", "model")))
    assert "✗ not held: the record holds the type of its value alone: Odd" in first
    assert "1 not held by a replay" in str(shown).splitlines()[0]
    assert [one.source for one in shown.rows if not one.is_held] == ["tool"]


def test_q42_a_key_that_was_taken_out_is_not_held(store, monkeypatch):
    monkeypatch.setenv("SERVICE_TOKEN", "hunter2hunter2")

    @function
    def keyed(ctx: RunContext) -> int:
        """Take a key."""
        return len(ctx.env("SERVICE_TOKEN"))

    (row,) = keyed.start().wait().ledger().rows

    assert (row.source, row.what, row.why) == (
        "environment",
        "SERVICE_TOKEN",
        "a key was taken out of it",
    )


def test_q42_a_persons_answer_is_of_a_person_once(store):
    @function(uses=[human_in_loop])
    def asks() -> str:
        """Ask."""
        return human_in_loop(question="Which?")

    run = asks.start()
    seen = 0
    while not run.pending():
        seen = run.watch(seen, timeout=20).update_seqnum
    waits = run.ledger()
    run.answer("this")
    run.wait(20)

    assert [(r.source, r.is_held) for r in waits.rows][:1] == [("person", False)]
    assert [(r.source, r.path, r.is_held) for r in run.ledger().rows] == [
        ("person", "asks/human_in_loop", True)
    ]


def test_q42_a_fork_says_what_was_served_and_a_replay_that_nothing_was_free(store, tmp_path):
    run = study.start("a").wait()

    fork = run.node("study/think").fork(prompt="Ponder {what}").wait()
    served = {(r.source, r.served) for r in fork.ledger().rows}
    place = run.export(tmp_path / "run.nfrun")
    with serve(place):
        study("a")
    replay = runs.last

    assert ("clock", True) in served
    assert ("model", False) in served
    assert "» 5 served" in str(fork.ledger()).splitlines()[0]
    assert replay.id != run.id
    assert all(one.served for one in replay.ledger().rows)
    assert "1 call came from a record whole" in str(replay.ledger())


def test_p13_what_was_declared_is_kept_with_the_run_and_held_against_it(tmp_path, monkeypatch):
    policy = Determinism(budget=BUDGET, intents=INTENTS)
    with recorded(tmp_path, monkeypatch, policy):
        run = study.start("a").wait()
        stored = runs[run.id].ledger()
        declared = {r.what: r.declared for r in stored.rows}

    assert declared["scripted"] is True
    assert declared["shell"] is True
    assert declared["clock"] is True  # an oracle, as kinds that nothing is known of
    assert stored.budget.report() == policy.ledger(run.root).report()
    words = str(stored)
    assert "budget of" in words
    budget = next(row for row in words.splitlines() if row.startswith("seeded_rng"))
    assert "low to medium" in budget
    assert budget.split("  ")[-1].strip() == "mark_non_certifiable: it was"
    assert "3 of 2" in budget
    assert "● yes: entropy budget of seeded_rng is used up: of 2 uses, 2 were made" in words


def test_p13_a_use_that_was_not_declared_is_said_to_be_none(tmp_path, monkeypatch):
    with recorded(tmp_path, monkeypatch, Determinism(budget=BUDGET, intents=INTENTS[:1])):
        run = study.start("a").wait()
        shown = run.ledger()

    assert {r.what for r in shown.rows if r.declared is False} == {"shell", "clock", "LANG"}
    assert "4 not declared" in str(shown).splitlines()[0]
    assert "not declared in non-determinism intent" in str(shown)


def test_p13_a_declaration_of_the_record_is_read_back_and_nonsense_is_none():
    told = Determinism(budget=BUDGET, intents=INTENTS, magnitudes={"shell": "low"}).declared

    ledger, magnitudes = declared_in([told])

    assert (ledger.budget, ledger.intents) == (BUDGET, tuple(INTENTS))
    assert magnitudes == {"shell": "low"}
    for odd in (None, [], "x", [7], {"level": "x"}, {"budget": {"y": 1}}, {"intents": [{}]}):
        assert declared_in(odd) == (None, {})


def test_q42_a_run_that_is_not_recorded_has_a_ledger_of_what_is_known():
    models = {"scripted": ScriptedModel(lambda request: "well")}
    with Runtime([study], record=False, models=models) as runtime:
        run = Run.of(runtime.get_ctx().invoke(study, {"what": "a"}))
        run.root.wait(20)
        shown = run.ledger()

    assert {(r.source, r.path) for r in shown.rows} == {
        ("model", "study/think"),
        ("tool", "study/act"),
    }
    assert not any(one.is_held for one in shown.rows)
    assert "The run is not recorded" in str(shown)


def many(n, **more):
    return tuple(
        Free(source="tool", what="shell", kind="shell", key=f"k{i}", fn="f", path=f"f[{i}]", **more)
        for i in range(n)
    )


def test_q42_many_rows_of_a_source_are_one_and_all_are_in_the_frame(store):
    view = study.start("a").wait().view()

    shown = ledgers.ledger(FreeInputs(rows=many(5_000)), view)

    table = [row for row in str(shown).splitlines() if row.startswith("tool")]
    assert len(table) == 1
    assert "f[0] and 4,999 other Nodes" in table[0]
    assert "5,000" in table[0]
    assert len(shown.df) == 5_000
    assert list(shown.df.columns) == list(ledgers.COLUMNS)


def test_q42_a_ledger_of_many_different_things_is_bounded(store):
    view = study.start("a").wait().view()
    found = [
        Free(
            source=source, what=f"{source} {n}", kind="x", key=f"{n}", fn="f", path="f", why=f"{n}"
        )
        for source in ORIGINS
        for n in range(300)
    ]

    shown = ledgers.ledger(FreeInputs(rows=tuple(found)), view)

    assert len(str(shown).splitlines()) < ledgers.MOST_ROWS + 10
    assert "more rows in `.df`" in str(shown)
    checked(shown.html, most=30_000)


def test_q42_nothing_free_is_said_and_the_frame_is_empty_with_its_types(store):
    @function
    def plain() -> int:
        """Count."""
        return 1

    run = plain.start().wait()

    assert run.state is NodeState.Success
    assert "nothing in it was free" in str(run.ledger())
    assert len(run.ledger().df) == 0
    assert str(run.ledger().df["count"].dtype) == "Int64"


def test_q42_a_list_of_runs_has_a_column_that_says_what_was_free(store):
    plain = study.start("a").wait()
    quiet = act.start("b").wait()
    again = plain.rerun()
    again.wait()

    words = str(runs.all.table())
    head, *lines = words.splitlines()[1:]
    at = head.index("Free")
    said = {line.rpartition("  ")[2].strip(): line[at:] for line in lines}

    assert said[plain.id].startswith("1 model, 2 chance, 2 clock, 1 environment, 1 tool")
    assert said[quiet.id].startswith("1 tool")
    assert not said[again.id].startswith("1 ")
    by_source = {}
    for row in plain.ledger().rows:
        by_source[row.source] = by_source.get(row.source, 0) + row.count
    assert by_source == {"model": 1, "chance": 2, "clock": 2, "environment": 1, "tool": 1}


def test_q42_a_page_of_a_large_run_says_that_it_has_no_ledger(store):
    run = study.start("a").wait()

    small = page_of_run.page_of(run.view(), run.folder, run.id)
    large = page_of_run.page_of(run.view(), run.folder, run.id, most_nodes=2)

    assert "What was free" in small
    assert "are left out" not in small
    assert "What was free" not in large
    assert large.count("Of more than 2 Nodes the ledger and a comparison") == 1
