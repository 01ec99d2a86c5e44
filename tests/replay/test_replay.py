"""A run once more, without a key or a model (rows ND2, F of replay)."""

import subprocess
import sys
import textwrap
import threading
from typing import Any

import pytest

from netflux_nb import (
    AgentException,
    ArgumentError,
    BudgetError,
    NetfluxError,
    NoKeyError,
    RunContext,
    Runtime,
    UsageError,
    agent,
    function,
    gather,
    view_to_json,
)
from netflux_nb.compare.diff import Side, diff
from netflux_nb.core.errors import ModelError
from netflux_nb.core.policy import Ask, Enter, Leave, Refuse, Replace, Switch
from netflux_nb.func_lib.raise_exception import raise_exception
from netflux_nb.record.journal import Journal
from netflux_nb.record.reading import check, files
from netflux_nb.replay.begin import replay, rerun
from netflux_nb.replay.recording import DivergenceError, Recording
from netflux_nb.replay.report import ServedCounts
from netflux_nb.testing import FakeClock, ScriptedModel, ScriptError, Turn, call, flaky

acted = []


@function
def add(x: int, y: int) -> int:
    """Add."""
    return x + y


@function(effect="shell")
def act(what: str) -> str:
    """Reach outside."""
    acted.append(what)
    return f"did {what} {len(acted)}"


def summarise_with(prompt="Summarise {text}."):
    return agent("summarise(text: str)", prompt, uses=[add], model="scripted")


def study_with(summarise, rounds=3):
    @function(name="study", uses=[summarise, act])
    def study(n: int) -> list[str]:
        act(what="begin")
        return gather(*(summarise.start(text=f"t{i}") for i in range(n)))

    return study


def answer(request):
    """Answer by what was said, so that the order of agents does not matter."""
    if len(request.parts) == 1:
        return Turn(
            thinking="hm",
            signature="s",
            text="I add.",
            calls=[call("add", x=1, y=2), call("add", x=3, y=4)],
        )
    return f"{request.parts[0].text} {request.parts[-1].outputs}"


def record(folder, fn, inputs, model=None, **options):
    """Record one run and give its file."""
    models = {"scripted": ScriptedModel(answer if model is None else model)}
    with Journal(folder) as journal, Runtime([fn], models=models, sink=journal, **options) as rt:
        rt.get_ctx().invoke(fn, inputs).wait()
    return journal.path


def test_nd2_a_run_is_replayed_without_a_model_and_comes_out_the_same(tmp_path):
    study = study_with(summarise_with())
    path = record(tmp_path, study, {"n": 4})
    acted.clear()
    done = replay(Recording(path), study)
    assert done.is_same
    assert done.now.outputs == [f"Summarise t{i}. 7" for i in range(4)]
    assert acted == []  # what reached outside did not do so again
    bill = done.now.bill()
    assert (bill.lines[0].requests, bill.lines[0].served) == (0, 8)
    assert done.now.usage is None


def test_a_replay_and_a_rerun_ask_with_the_settings_that_the_run_had(tmp_path):
    asked = []

    def says(request):
        asked.append(dict(request.settings))
        return "done"

    one = agent("one(q: str)", "{q}", model="scripted", settings={"seed": 7})
    path = record(tmp_path, one, {"q": "a"}, says, settings={"max_tokens": 50, "seed": 1})
    was = Recording(path)

    assert replay(was, one).is_same
    with Runtime([one], models={"scripted": ScriptedModel(says)}, record=False) as runtime:
        rerun(runtime, was, one, inputs={"q": "b"}).wait(30)
    assert asked == [{"max_tokens": 50, "seed": 7}] * 2


def test_transcripts_of_a_replay_are_those_of_the_run(tmp_path):
    summarise = summarise_with()
    path = record(tmp_path, summarise, {"text": "x"})
    done = replay(Recording(path), summarise)
    assert done.now.transcript == done.recorded.transcript


def test_a_changed_prompt_is_named_with_both_wordings(tmp_path):
    path = record(tmp_path, summarise_with(), {"text": "x"})
    done = replay(Recording(path), summarise_with("Sum up {text}."))
    assert isinstance(done.now.exception, DivergenceError)
    told = str(done.now.exception)
    assert "Request 1 of summarise() differs in its part 1" in told
    assert "Summarise x." in told
    assert "Sum up x." in told
    assert {d.what for d in done.differences} >= {"the state", "the result", "the error"}


def test_the_first_line_of_a_replay_says_whether_it_came_out_as_it_was(tmp_path):
    path = record(tmp_path, summarise_with(), {"text": "x"})

    same = str(replay(Recording(path), summarise_with())).splitlines()
    other = str(replay(Recording(path), summarise_with("Sum up {text}."))).splitlines()

    assert same[0] == "2 served, $0.00; no model was asked. All came out as it was recorded."
    assert same[1:] == ["Code that really ran again (a replay is no sandbox): add() × 2."]
    assert other[0] == "0 served, $0.00; no model was asked. It came out otherwise: unacceptable."
    assert other[1].startswith("First difference: at summarise: Request 1 of summarise() differs")


def test_what_was_served_is_all_that_came_from_the_record():
    assert ServedCounts(requests=1, nodes=2, draws=4, answers=8, live_requests=16).served == 15


def test_one_agent_of_many_that_changed_leaves_the_others_served(tmp_path):
    path = record(tmp_path, study_with(summarise_with()), {"n": 3})
    calm = summarise_with()

    @function(name="study", uses=[calm, act])
    def study(n: int) -> list[str]:
        act(what="begin")
        nodes = [calm.start(text=f"t{i}" if i else "other") for i in range(n)]
        for node in nodes:
            node.wait()
        return [str(node.exception or node.result()) for node in nodes]

    done = replay(Recording(path), study)
    first, *rest = done.now.outputs
    assert "not in the record" in first
    assert rest == ["Summarise t1. 7", "Summarise t2. 7"]


def test_a_changed_result_of_code_is_named_at_its_node(tmp_path):
    one = summarise_with()
    path = record(tmp_path, one, {"text": "x"})

    @function(name="add")
    def off_by_one(x: int, y: int) -> int:
        """Add."""
        return x + y + 1

    changed = agent(
        "summarise(text: str)", "Summarise {text}.", uses=[off_by_one], model="scripted"
    )
    done = replay(Recording(path), changed)
    told = [str(d) for d in done.differences if d.fn == "add"]
    assert told == ["add(): the result was 3, now 4", "add(): the result was 7, now 8"]
    assert "differs in its part 6" in str(done.now.exception)


def test_retries_are_not_waited_for_again(tmp_path):
    clock = FakeClock()
    one = agent("one()", "x", model="scripted")
    path = record(tmp_path, one, {}, [flaky(), flaky(), "well"], clock=clock, sleep=clock.sleep)
    done = replay(Recording(path), one)
    assert done.is_same
    assert [s.stop for s in done.now.requests] == ["end"]


@pytest.mark.parametrize(
    "script",
    [
        [ModelError("The account is closed")],
        [call("raise_exception", msg="no")],
        [call("add", x="one", y=2), call("nothing"), "sorry"],
        ["no json", "nor this", "nor that"],
        [Turn(text="one, ", stop="max_tokens"), "two"],
    ],
    ids=["model error", "its own", "bad calls", "misfits", "continued"],
)
def test_runs_that_went_otherwise_are_replayed_as_they_went(tmp_path, script):
    returns = "int" if script[0] == "no json" else "str"
    one = agent(f"one() -> {returns}", "x", uses=[add, raise_exception], model="scripted")
    path = record(tmp_path, one, {}, script)
    done = replay(Recording(path), one)
    assert done.is_same, done.differences
    if "raise_exception" in str(script):
        assert isinstance(done.now.exception, AgentException)


def test_an_effect_that_failed_fails_again_without_being_tried(tmp_path):
    tried = []

    @function(effect="shell")
    def fails() -> str:
        tried.append(1)
        raise OSError("no such host")

    one = agent("one()", "x", uses=[fails], model="scripted")
    path = record(tmp_path, one, {}, [call("fails"), "it failed"])
    done = replay(Recording(path), one)
    assert done.is_same, done.differences
    assert tried == [1]


def test_another_process_replays_it_without_any_key(tmp_path):
    code = textwrap.dedent("""
        import sys
        from netflux_nb import Runtime, agent, function
        from netflux_nb.record.journal import Journal
        from netflux_nb.replay.recording import Recording
        from netflux_nb.replay.begin import replay
        from netflux_nb.testing import ScriptedModel, call

        @function
        def add(x: int, y: int) -> int:
            return x + y

        one = agent("one(q: str)", "{q}", uses=[add], model="anthropic:claude-opus-5-5")
        folder, path = sys.argv[1:]
        if path == "-":
            model = ScriptedModel([call("add", x=1, y=2), "three"])
            with Journal(folder) as journal, Runtime(
                [one], models={"anthropic": model}, sink=journal
            ) as runtime:
                runtime.get_ctx().invoke(one, {"q": "1+2"}).result()
            print(journal.path)
        else:
            done = replay(Recording(path), one)
            print(done.is_same, done.now.outputs, "anthropic" in sys.modules)
    """)

    def run(path):
        command = [sys.executable, "-c", code, str(tmp_path), path]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert run(run("-")) == "True three False"


def test_the_wrong_function_and_the_wrong_run_are_one_line(tmp_path):
    one = agent("one()", "x", model="scripted")
    path = record(tmp_path, one, {}, ["a"])
    with pytest.raises(ArgumentError, match=r"This run is of one\(\), not of add\(\)"):
        replay(Recording(path), add)
    with pytest.raises(ArgumentError, match="holds no run 'x'"):
        Recording(path, "x")
    models = {"scripted": ScriptedModel(["a", "b"])}
    with Journal(tmp_path) as journal, Runtime([one], models=models, sink=journal) as runtime:
        for _ in range(2):
            runtime.get_ctx().invoke(one, {}).wait()
    with pytest.raises(ArgumentError, match=r"holds 2 runs: .*\. Name one"):
        Recording(journal.path)
    runs = sorted({row["run"] for row in check(journal.path).rows if "seq" in row})
    assert [Recording(journal.path, run).view.outputs for run in runs] == ["a", "b"]
    assert len(files(tmp_path)) == 2


def test_a_run_that_never_ended_says_where_it_stops(tmp_path):
    one = agent("one()", "x", uses=[add], model="scripted")
    path = record(tmp_path, one, {}, [call("add", x=1, y=2), "three"])
    lines = path.read_bytes().splitlines(keepends=True)
    asked = [i for i, line in enumerate(lines) if b'"RequestStarted"' in line]
    path.write_bytes(b"".join(lines[: asked[1] + 1]))
    done = replay(Recording(path), one)
    assert "Request 2 of one() has no answer in the record" in str(done.now.exception)


def test_a_replay_shows_as_any_run_does(tmp_path):
    one = agent("one()", "x", model="scripted")
    path = record(tmp_path, one, {}, ["a"])
    assert '"served": true' in view_to_json(replay(Recording(path), one).now)


def test_b10_an_agent_that_is_served_needs_no_loop_and_runs_where_it_is_waited_for(tmp_path):
    seen = []

    @function
    def tool(ctx, x: int) -> int:
        seen.append((ctx.runtime.loop._loop is None, threading.get_ident()))
        return x

    inner = agent("inner(x: int)", "Inner {x}", uses=[tool], model="scripted")
    outer = agent("outer(x: int)", "Outer {x}", uses=[inner, tool], model="scripted")

    @function(uses=[outer])
    def body(n: int) -> list:
        seen.append((True, threading.get_ident()))
        return [outer(x=i) for i in range(n)]

    def script(request):
        said = len(request.parts)
        if request.parts[0].text.startswith("Outer") and said == 1:
            return [call("inner", x=1), call("tool", x=2), call("tool", x=3)]
        return call("tool", x=4) if said == 1 else "done"

    models = {"scripted": ScriptedModel(script)}
    with Journal(tmp_path) as journal, Runtime([body], models=models, sink=journal) as runtime:
        assert runtime.invoke(None, body, {"n": 2}).result(timeout=30) == ["done", "done"]
    seen.clear()
    done = replay(Recording(tmp_path), body)

    assert done.is_same
    assert done.tally.requests == 8
    assert all(is_free for is_free, _ in seen)
    assert len(seen) == 7
    # Another thread may take what waited for ten milliseconds; mostly none does.
    assert len({thread for _, thread in seen}) < 4


def test_an_async_body_is_served_its_agents_on_the_loop(tmp_path):
    think = agent("think(x: int)", "Think {x}", model="scripted")

    @function(uses=[think])
    async def body(n: int) -> list:
        return [await node for node in [think.start(x=i) for i in range(n)]]

    models = {"scripted": ScriptedModel(lambda request: request.parts[0].text)}
    with Journal(tmp_path) as journal, Runtime([body], models=models, sink=journal) as runtime:
        runtime.invoke(None, body, {"n": 5}).result(timeout=30)
    done = replay(Recording(tmp_path), body)

    assert done.is_same
    assert done.now.outputs == [f"Think {i}" for i in range(5)]


def test_agents_that_are_served_may_wait_for_each_other(tmp_path):
    """Calls of one answer run at once when they were recorded; a replay may not need that."""
    met = [threading.Event(), threading.Event()]

    @function
    def meets(n: int) -> int:
        met[n].set()
        assert met[1 - n].wait(timeout=20)
        return n

    both = agent("both(x: int)", "Both {x}", uses=[meets], model="scripted")

    def script(request):
        first = len(request.parts) == 1
        return [call("meets", n=0), call("meets", n=1)] if first else "met"

    models = {"scripted": ScriptedModel(script)}
    with Journal(tmp_path) as journal, Runtime([both], models=models, sink=journal) as runtime:
        runtime.invoke(None, both, {"x": 1}).result(timeout=30)
    for event in met:
        event.clear()

    assert replay(Recording(tmp_path), both).is_same


class OwnError(Exception):
    """Raised by a client that is none of ours."""


FAILURES = [
    NoKeyError("Set THE_KEY."),
    UsageError("A mistake"),
    BudgetError("Too dear"),
    ScriptError("The script is at its end"),
    ModelError(f"{'no ' * 1200}at last"),
    Turn(error=ValueError(f"{'no ' * 1200}at last")),
    Turn(error=KeyError("topic")),
    Turn(error=OwnError("mine")),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda one: type(one).__name__)
def test_a_body_meets_the_very_error_that_it_met_then(tmp_path, failure):
    guess = agent("guess(of: str) -> str", "{of}", model="scripted")

    @function(uses=[guess])
    def careful(of: str) -> str:
        try:
            return guess(of=of)
        except NetfluxError as error:
            inner = getattr(error, "inner_exception", None)
            kinds = [isinstance(inner, kind) for kind in (ModelError, KeyError, ValueError)]
            return f"{type(error).__name__}: {inner or error} {kinds}"

    path = record(tmp_path, careful, {"of": "beans"}, [failure])
    done = replay(Recording(path), careful)

    assert done.is_same, str(done)
    assert done.first == ""


@pytest.mark.parametrize("size", [1_900, 3_000, 50_000])
def test_a_long_error_is_met_again_and_compared_to_its_end(tmp_path, size):
    ends = ["left", "right"]

    @function(effect="net")
    def fetch(n: int) -> str:
        raise ValueError("x" * size + ends[n])

    @function(uses=[fetch])
    def careful(n: int) -> str:
        try:
            return fetch(n=n)
        except ValueError as error:
            return str(error)[-5:]

    @function
    def blunt(n: int) -> str:
        raise ValueError("x" * size + ends[0])

    path = record(tmp_path / "a", careful, {"n": 1})
    assert replay(Recording(path), careful).is_same

    left = Recording(record(tmp_path / "b", blunt, {"n": 0})).view
    ends[0] = "other"
    right = Recording(record(tmp_path / "c", blunt, {"n": 0})).view
    assert [one.name for one in diff(Side(left), Side(right)).first.fields] == ["error"]


def test_a_call_that_was_not_declared_is_refused_in_the_same_words(tmp_path):
    @function
    def hasty() -> int:
        return add(x=1, y=2)

    path = record(tmp_path, hasty, {}, is_open=True)

    assert replay(Recording(path), hasty).is_same


def test_the_first_difference_is_named_at_the_node_that_began_it(tmp_path):
    def doubles(times):
        @function(name="double")
        def double(x: int) -> int:
            return times * x

        @function(name="doubles", uses=[double])
        def doubles(n: int) -> int:
            return sum(double(x=x) for x in range(n))

        return doubles

    path = record(tmp_path, doubles(2), {"n": 3})
    done = replay(Recording(path), doubles(3))

    assert done.first == "at doubles/double[2]: double(): the result was 2, now 3"
    assert f"First difference: {done.first}" in str(done)
    assert "double[2]" in done.diff.first.path


def test_a_question_that_was_not_asked_is_named_with_its_node(tmp_path):
    path = record(tmp_path, study_with(summarise_with()), {"n": 2})
    done = replay(Recording(path), study_with(summarise_with("Shorten {text}.")))

    assert done.first.startswith(
        "at study/summarise: Request 1 of summarise() differs in its part 1"
    )


@pytest.mark.parametrize("size", [1, 2_000])
def test_every_dict_comes_again_in_the_order_that_it_had(tmp_path, size):
    many = {f"key {n}": n for n in reversed(range(size))}

    @function(effect="shop")
    def prices() -> dict[str, object]:
        return {"tea": 2, "coffee": {"small": 3, "large": 4}, **many}

    @function
    def names(of: dict[str, object]) -> str:
        return ", ".join(of)

    ask = agent("ask(of: dict)", "What of {of}?", uses=[names], model="scripted")

    @function(uses=[prices, ask])
    def shop(wanted: dict[object, int]) -> list[object]:
        found = prices()
        return [list(wanted), list(found), list(found["coffee"]), ask(of={"b": 1, "a": 2})]

    def orders(request):
        if len(request.parts) == 1:
            return call("names", of={"z": 1, "y": {"x": 2, "w": 3}})
        return f"{request.parts[0].text} {request.parts[-1].outputs}"

    path = record(tmp_path, shop, {"wanted": {2: 1, "milk": 2, 1: 3}}, orders)
    done = replay(Recording(path), shop)

    assert done.is_same, str(done)
    assert done.now.outputs[0] == [2, "milk", 1]
    assert done.now.outputs[3] == "What of {'b': 1, 'a': 2}? z, y"


@function(effect="shell")
def fetch_rows() -> list[int]:
    return [1]


@function(uses=[fetch_rows])
def appends(given: Any) -> list[int]:
    rows = fetch_rows()
    rows.append(2)
    given["rows"].append(3)
    return rows


def test_q11_a_replayed_body_changes_nothing_of_what_was_recorded(tmp_path):
    recording = Recording(record(tmp_path, appends, {"given": {"rows": [0]}}))

    for _ in range(2):
        assert replay(recording, appends).is_same

    assert dict(recording.view.inputs) == {"given": {"rows": [0]}}
    assert recording.view.outputs == [1, 2]
    assert recording.view.children[0].outputs == [1]


@function
def makes_lock() -> object:
    return threading.Lock()


@function
def uses_lock(lock: Any) -> int:
    return 1


@function(uses=[makes_lock, uses_lock])
def with_a_lock() -> int:
    return uses_lock(lock=makes_lock())


def test_q14_a_replay_says_what_could_not_be_compared(tmp_path):
    done = replay(Recording(record(tmp_path, with_a_lock, {})), with_a_lock)

    words = str(done)

    assert done.is_same
    assert "2 values could not be compared" in words
    assert "makes_lock() gave lock, uses_lock() was given lock, lock" in words
    assert "All came out as it was recorded" not in words
    assert [(one.fn, one.what) for one in done.not_compared] == [
        ("makes_lock", "outputs"),
        ("uses_lock", "lock"),
    ]


def test_q14_one_value_is_one(tmp_path):
    done = replay(Recording(record(tmp_path, makes_lock, {})), makes_lock)

    assert "1 value could not be compared" in str(done)


class AtLeave:
    """A policy that rules when a body has ended."""

    moments = frozenset({Leave})

    def __init__(self, rule):
        self.rule = rule

    def __call__(self, moment):
        return self.rule(moment) if moment.node.fn.name in ("add", "breaks") else None


class AtEnter(AtLeave):
    """One that rules before a body runs."""

    moments = frozenset({Enter})


def _raises(moment):
    raise RuntimeError("the policy is broken")


RULES = {
    "refused": AtLeave(lambda m: Refuse(ValueError("not so"))),
    "replaced": AtLeave(lambda m: Replace([m.value, "checked"])),
    "an error replaced": AtLeave(lambda m: Replace(0) if m.error is not None else None),
    "broken": AtLeave(_raises),
    "refused before it ran": AtEnter(lambda m: Refuse(ValueError("not now"))),
}


@function
def breaks() -> int:
    raise KeyError("gone")


@function(uses=[add, breaks])
def adds(x: int) -> list[object]:
    found: list[object] = []
    for node in (add.start(x=x, y=1), breaks.start()):
        node.wait()
        found.append(node.outputs if node.exception is None else str(node.exception))
    return found


@pytest.mark.parametrize("policy", RULES.values(), ids=RULES)
def test_q9_what_a_policy_made_of_a_call_comes_again(tmp_path, policy):
    recording = Recording(record(tmp_path, adds, {"x": 1}, policies=[policy]))

    done = replay(recording, adds)

    assert done.is_same, done.differences
    assert done.now.children[0].state is done.recorded.children[0].state
    assert done.now.outputs == done.recorded.outputs
    for mode in ("strict", "bounded"):
        assert replay(recording, adds, mode=mode).verdict == "acceptable"


def test_q9_a_body_that_was_refused_before_it_ran_does_not_run_in_a_replay(tmp_path):
    ran = []

    @function(name="add")
    def counted(x: int, y: int) -> int:
        ran.append(x)
        return x + y

    policy = RULES["refused before it ran"]
    recording = Recording(record(tmp_path, counted, {"x": 1, "y": 2}, policies=[policy]))

    assert replay(recording, counted).is_same
    assert ran == []


def test_q9_a_ruling_holds_for_what_it_was_made_on_and_for_nothing_else(tmp_path):
    @function(name="add")
    def other(x: int, y: int) -> int:
        return 7

    policy = RULES["refused"]
    recording = Recording(record(tmp_path, add, {"x": 1, "y": 2}, policies=[policy]))

    done = replay(recording, other)

    assert not done.is_same
    assert (done.recorded.state.name, done.now.state.name) == ("Error", "Success")


class Switches:
    """A policy that has another model answer."""

    moments = frozenset({Ask})

    def __call__(self, moment):
        return Switch("scripted:large")


def test_q55_a_request_that_a_policy_switched_is_asked_again_as_it_was(tmp_path):
    recording = Recording(record(tmp_path, summarise_with(), {"text": "x"}, policies=[Switches()]))
    done = replay(recording, summarise_with())

    assert done.is_same, done.differences
    models = [[spent.model for spent in view.requests] for view in (done.recorded, done.now)]
    assert models[0] == models[1] == ["large"] * 2


def test_q55_a_sink_of_ones_own_hears_a_replay(tmp_path):
    heard = []

    class Sink:
        def append(self, event, /):
            heard.append(type(event.body).__name__)

        def drain(self, *, may_write):
            pass

        def barrier(self, done, /):
            done(None)

        def sync(self):
            return None

    recording = Recording(record(tmp_path, summarise_with(), {"text": "x"}))
    assert replay(recording, summarise_with(), sink=Sink()).is_same
    assert heard[0] == "NodeOpened"
    assert heard[-1] == "NodeClosed"


def test_q55_an_unchanged_run_passes_a_bounded_replay_and_a_changed_one_does_not(tmp_path):
    @function(effect="files")
    def put(word: str) -> str:
        return word

    summarise = summarise_with()

    @function(uses=[summarise, put])
    def draws(ctx: RunContext) -> list:
        ctx.now()
        return [summarise(text="x"), put(word=str(ctx.random.random() < 2))]

    recording = Recording(record(tmp_path, draws, {}))
    done = replay(recording, draws, mode="bounded")
    assert done.verdict == "acceptable", done

    other = Recording(record(tmp_path / "b", summarise, {"text": "x"}))
    assert replay(other, summarise, mode="bounded").verdict == "acceptable"
    changed = summarise_with("Sum up {text}.")
    done = replay(other, changed, mode="bounded")
    assert done.verdict == "unacceptable"
    # Traces are compared, not values: what a call was given is none of it.
    assert done.judgement.blocking == ("divergence", "entropy", "events", "outcomes")


def test_q9_a_ruling_that_is_served_is_not_made_twice(tmp_path):
    fails = [True]

    @function(uses=[add])
    def goes_on() -> object:
        found = add(x=1, y=1)
        if fails:
            raise ValueError("not yet")
        return found

    policy = RULES["replaced"]
    recording = Recording(record(tmp_path, goes_on, {}, policies=[policy]))
    fails.clear()

    with Journal(tmp_path) as journal, Runtime([goes_on], sink=journal, policies=[policy]) as rt:
        node = rerun(rt, recording, goes_on)
        assert node.result() == [2, "checked"]
        assert node.children[0].served

        assert replay(Recording(tmp_path, rt.run_name(node)), goes_on).is_same


def test_an_effect_without_an_end_is_a_divergence_and_not_done_again(tmp_path):
    @function(uses=[act])
    def does() -> str:
        return act(what="a")

    recording = Recording(record(tmp_path, does, {}))
    acted.clear()
    recording.root.children[0].closed = None  # killed in the middle

    done = replay(recording, does)

    assert "act() has no end in the record." in done.first
    assert acted == []


def test_a_body_that_was_cancelled_makes_no_call_that_it_did_not_make_then(tmp_path):
    added, begun = [], threading.Event()

    @function
    def adds(x: int) -> int:
        added.append(x)
        return x

    @function(effect="shell")
    def hangs(ctx: RunContext) -> None:
        begun.set()
        ctx.cancel_event.wait(30)
        ctx.check()

    @function(uses=[adds, hangs])
    def works() -> None:
        try:
            hangs()
        finally:
            adds(x=2)

    with Journal(tmp_path) as journal, Runtime([works], sink=journal) as runtime:
        node = runtime.get_ctx().invoke(works, {})
        assert begun.wait(30)
        node.cancel("enough")
        node.wait(30)
    recording = Recording(journal.path)
    assert [one.fn_name for one in recording.nodes.values()] == ["works", "hangs"]

    done = replay(recording, works)

    assert done.is_same, str(done)
    assert added == []
