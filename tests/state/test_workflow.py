"""Workflows: machines that are read, refused, run, cancelled, replayed and gone on with."""

import json
import threading
from dataclasses import dataclass, field

import pytest

from netflux_nb import (
    ArgumentError,
    BudgetError,
    CancellationException,
    FunctionError,
    PendingError,
    agent,
    function,
    plain,
    runs,
    sql,
    state,
    use,
    workflow,
)
from netflux_nb.core.messages import MachineStep
from netflux_nb.runtime.threads.waiting import questions
from netflux_nb.state.workflows.finished import Finished
from netflux_nb.testing import ScriptedModel, call

SEED = """
states:
  IDLE:
    events:
      CMD_TX: "PROCESSING"
  PROCESSING:
    entry: "transfer"
    events:
      EVT_SUCCESS: "NOTIFY"
      EVT_FAIL: "IDLE"
  NOTIFY:
"""


@dataclass
class Bank:
    accounts: dict[str, int] = field(default_factory=dict)
    n: int = 0
    sig_fraud: bool = False
    cmd_tx: bool = False


@pytest.fixture
def bank():
    return state(Bank({"ann": 100, "bob": 0}), name="bank")


@pytest.fixture
def transfer(bank):
    @function(writes=["accounts", "sig_fraud"], raises=[ValueError])
    def transfer(src: str, dst: str, n: int) -> str:
        if bank.accounts[src] < n:
            bank.sig_fraud = True
            return "refused"
        bank.accounts[src] -= n
        bank.accounts[dst] += n
        if n < 0:
            raise ValueError("no")
        return "done"

    return transfer


def states_of(finished):
    return [row["state"] for row in finished.history]


def answered(run, *values):
    """Answer what a run asks, one after the other."""
    node = run.root
    for value in values:
        asking = questions(node)
        next(asking).answer(value)
        asking.close()
    return run


# Reading.


def test_t38_a_machine_is_read_from_yaml_a_file_a_dict_and_by_its_aliases(tmp_path, transfer):
    file = tmp_path / "day.yaml"
    file.write_text(SEED)
    one = workflow(file)
    assert (one.name, one.machine.start) == ("day", "IDLE")
    assert one.machine == workflow(SEED).machine == workflow(str(file)).machine
    for on, process in (("on", "process"), ("transitions", "entry")):
        words = SEED.replace("events:", f"{on}:").replace("entry:", f"{process}:")
        assert workflow(words).machine == one.machine
    # What YAML 1.1 makes of `on`.
    said = {"states": {"A": {True: {"GO": "B"}}, "B": None}}
    assert workflow(said).machine.states["A"].events == {"GO": "B"}
    assert [fn.name for fn in one.uses] == ["transfer"]
    assert one.contract is None


def test_t38_all_that_is_wrong_is_told_at_once():
    @function
    def known() -> int:
        return 1

    wrong = """
start: A
states:
  A: {entry: [knwn, known], event: {GO: B}, on: {EVT_SUCCESS: Bb, EVT_CHAIN_DONE: C, go: B, GO: C}}
  B: {events: {EVT_FAIL: C}}
  C: {entry: known, on: {EVT_FAIL: A}, events: {X: A}}
  D: {on: {STAY: D}}
  E:
colour: red
"""
    with pytest.raises(FunctionError) as told:
        workflow(wrong, name="day", functions=[known])

    said = str(told.value)
    for words in (
        "A: event is none of its keys. Did you mean events?",
        "A: EVT_SUCCESS leads to Bb, which is no state. Did you mean B?",
        "A: EVT_SUCCESS and EVT_CHAIN_DONE are one event, and lead two ways.",
        "A: GO stands twice; case does not count.",
        "B: nothing runs in it, so EVT_FAIL never comes.",
        "C: events and on say the same. Keep one.",
        "D: all its events lead back to it.",
        "D cannot be reached from A.",
        "E cannot be reached from A. Lead an event to it, or begin there: `start: E`.",
        "colour is none of its keys.",
        "knwn names no Function.",
        "Did you mean known?",
    ):
        assert words in said, said


def test_a_workflow_is_a_step_of_another():
    @function
    def p(n: int) -> int:
        return n

    one = workflow({"steps": [p]}, name="one")
    two = workflow({"steps": [one]}, name="two")
    assert two(n=3).results["one"]["results"] == {"p": 3}

    @function
    def starts(start: int) -> int:
        return start

    with pytest.raises(FunctionError, match="takes `start`, which is the workflow's own"):
        workflow({"steps": [starts]}, name="three")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ({"states": {}}, "holds states by name"),
        ({"steps": []}, "in their order"),
        ({"states": {"A": {}}, "steps": ["x"]}, "either"),
        ({}, "either"),
        ({"states": {"A": {"on": {"X": "A", "Y": "B"}}, "B": 5}}, "a state is a mapping"),
        ({"states": {"A": {"on": ["X"]}}}, "events are a mapping"),
        ({"states": {"A": {"entry": [5]}}}, "a step is the name of a Function"),
        ({"states": {"": {}}}, "a name of 1 to 200"),
        ({"states": {"A": {"on": {"X": ["B"]}}, "B": {}}}, "leads to one state"),
        ({"start": "Z", "states": {"A": {}}}, "starts in Z, which is no state"),
        ({"states": {str(n): {} for n in range(10_001)}}, "the most is 10,000"),
        ({"steps": ["p"] * 1_001}, "the most is 1,000"),
        ({"states": {"A": {"entry": "p", "on": {"EVT_FAIL": "B"}}, "B": {}}}, "Add EVT_SUCCESS"),
    ],
)
def test_t38_what_is_no_machine_is_refused(source, why):
    @function
    def p() -> int:
        return 1

    with pytest.raises(FunctionError, match=why):
        workflow(source, functions=[p])


def test_what_cannot_be_read_is_told(tmp_path):
    with pytest.raises(ArgumentError, match="cannot be read"):
        workflow(tmp_path / "nothing.yaml")
    with pytest.raises(ArgumentError, match="max_ops"):
        workflow({"states": {"A": {}}}, max_ops=0)
    with pytest.raises(ArgumentError, match="line 2"):
        workflow("states:\n\t- x\n")


def test_a_circle_of_workflows_is_refused():
    @function
    def p() -> int:
        return 1

    one = workflow({"steps": [p]}, name="one")
    two = workflow({"steps": [one]}, name="two")
    one.uses_funcs = [two]
    with pytest.raises(FunctionError, match="Circular"):
        workflow({"steps": [two]}, name="three")


def test_a_machine_of_ten_thousand_states_and_hostile_names(chance):
    names = [f"<b>{n}\x1b[31m\u202e" for n in range(10_000)]
    data = {
        "states": {a: {"on": {"GO": b}} for a, b in zip(names, [*names[1:], "END"], strict=True)}
        | {"END": {}}
    }
    big = workflow(data["states"] and {"states": dict(list(data["states"].items())[:-2]) | {
        names[-1]: {}}}, name="big")  # fmt: skip
    assert len(big.machine.states) == 10_000
    with pytest.raises(ArgumentError) as told:
        big(start="<script>\x1b")
    assert "\x1b" not in str(told.value)


# Running.


def test_t38_t39_a_run_goes_where_the_outcomes_lead(bank, transfer):
    day = workflow(SEED, name="day")
    done = day(start="PROCESSING", src="ann", dst="bob", n=30)
    assert done.end == "NOTIFY"
    assert done.results == {"transfer": "done"}
    assert done.history[0] == {
        "state": "PROCESSING",
        "entry": ["transfer"],
        "outcome": "success",
        "event": "EVT_SUCCESS",
        "next": "NOTIFY",
    }
    assert plain(bank.accounts) == {"ann": 70, "bob": 30}
    assert json.loads(json.dumps(dict(done)))["end"] == "NOTIFY"
    assert runs.last.replay().is_same
    assert [one.fn.name for one in runs.last.view().children] == ["transfer"]


def test_t39_chain_events_are_the_outcomes_too(transfer):
    for event in ("EVT_CHAIN_DONE", "evt_success"):
        day = workflow(SEED.replace("EVT_SUCCESS", event), name="day")
        assert day(start="PROCESSING", src="ann", dst="bob", n=1).end == "NOTIFY"
    both = {
        "states": {
            "A": {"entry": "transfer", "on": {"EVT_CHAIN_DONE": "B", "EVT_SUCCESS": "B"}},
            "B": {},
        }
    }
    done = workflow(both, name="both")(src="ann", dst="bob", n=1)
    assert done.history[0]["event"] == "EVT_SUCCESS"


def test_a_step_that_fails_leads_on_and_one_that_nobody_catches_raises(bank, transfer):
    events = {"EVT_SUCCESS": "DONE", "EVT_CHAIN_FAIL": "LOST"}
    states = {"RUN": {"entry": ["transfer", "after"], "on": events}, "LOST": {}, "DONE": {}}
    ran = []

    @function
    def after() -> int:
        ran.append(1)
        return 1

    day = workflow({"states": states}, name="day")
    assert day(src="ann", dst="bob", n=-1).end == "LOST"
    assert (ran, plain(bank.accounts)) == ([], {"ann": 100, "bob": 0})
    del events["EVT_CHAIN_FAIL"], states["LOST"]
    with pytest.raises(ValueError, match="no"):
        workflow({"states": states}, name="day")(src="ann", dst="bob", n=-1)
    with pytest.raises(ValueError, match="no"):
        workflow({"states": {"END": {"entry": "transfer"}}})(src="ann", dst="bob", n=-1)


def test_t40_a_signal_that_a_step_published_drives_it(bank, transfer):
    for event in ("SIG_FRAUD", "fraud"):
        day = workflow(
            SEED.replace("EVT_SUCCESS", f"{event}: HELD\n      EVT_SUCCESS") + "  HELD:\n"
        )
        assert day(start="PROCESSING", src="ann", dst="bob", n=1000).end == "HELD"
        assert day(start="PROCESSING", src="ann", dst="bob", n=1).end == "NOTIFY"


def test_t40_a_signal_of_a_step_that_failed_drives_nothing(bank):
    @function(writes=["sig_fraud"])
    def p() -> None:
        bank.sig_fraud = True
        raise ValueError

    events = {"FRAUD": "HELD", "EVT_FAIL": "LOST", "EVT_SUCCESS": "HELD"}
    day = workflow({"states": {"A": {"entry": "p", "on": events}, "HELD": {}, "LOST": {}}})
    assert day().end == "LOST"
    assert bank.signals() == []


def test_signals_wait_for_the_states_after_and_what_fits_nothing_is_told(bank):
    @function(writes=["sig_fraud"])
    def fraud() -> None:
        bank.sig_fraud = True

    @function(writes=["cmd_tx"])
    def tx() -> None:
        bank.cmd_tx = True

    @function
    def idle() -> int:
        return 1

    machine = {
        "states": {
            "A": {"entry": ["fraud", "tx", "fraud"], "on": {"TX": "B", "EVT_SUCCESS": "C"}},
            "B": {"entry": "idle", "on": {"FRAUD": "D", "EVT_SUCCESS": "C"}},
            "C": {},
            "D": {},
        }
    }
    day = workflow(machine, name="day")
    done = day()
    assert [(row["state"], row["event"]) for row in done.history] == [
        ("A", "TX"),
        ("B", "FRAUD"),
        ("D", ""),
    ]
    told = [n for n in runs.last.view().intermediate_events if isinstance(n, MachineStep)]
    assert [(n.state, n.event, n.next, n.count) for n in told] == [
        ("A", "sig_fraud", "", 1),
        ("A", "TX", "B", 1),
        ("B", "FRAUD", "D", 1),
        ("D", "", "", 1),
    ]
    assert runs.last.replay().is_same


def test_t41_steps_one_after_the_other_take_inputs_and_what_others_gave(transfer):
    @function
    def notify(transfer: str, src: str) -> str:
        return f"{src}: {transfer}"

    day = workflow({"steps": ["transfer", {"process": "notify"}]}, name="day")
    done = day(src="ann", dst="bob", n=2)
    assert (done.end, done.results["notify"]) == ("DONE", "ann: done")
    with pytest.raises(ArgumentError, match="Unknown arg"):
        day(src="ann", dst="bob", m=2)
    with pytest.raises(ArgumentError, match=r"day\(\) needs n: transfer\(\) takes it, in transfer"):
        day(src="ann", dst="bob")
    with pytest.raises(ArgumentError, match="must be one of"):
        day(start="DONNE", src="ann", dst="bob", n=2)


def test_the_transitions_are_bounded(bank):
    @function
    def p() -> int:
        return 1

    states = {a: {"entry": "p", "on": {"EVT_SUCCESS": b}} for a, b in ("AB", "BA")}
    day = workflow({"states": states}, name="day", max_ops=7)
    with pytest.raises(BudgetError, match=r"day\(\) made 7 transitions, .* is in B"):
        day()
    assert len(runs.last.view().children) == 8


def test_a_storm_of_signals_and_a_long_entry(bank):
    @function(writes=["sig_fraud"])
    def one(k: int) -> None:
        bank.sig_fraud = k

    @function(uses=[one])
    def storm(many: int) -> None:
        for k in range(1, many + 1):
            one(k)

    machine = {
        "states": {
            "A": {"entry": "storm", "on": {"EVT_SUCCESS": "B"}},
            "B": {"entry": ["quiet"] * 1_000, "on": {"EVT_SUCCESS": "C"}},
            "C": {},
        }
    }

    @function
    def quiet() -> None:
        return None

    assert workflow(machine, name="day")(many=10_000).end == "C"
    told = [n for n in runs.last.view().intermediate_events if not n.next and n.event]
    assert [(n.event, n.count) for n in told] == [("sig_fraud", 10_000)]
    # Each of them leads on: that is too many transitions.
    states = {a: {"entry": "quiet", "on": {"FRAUD": b}} for a, b in ("BC", "CB")}
    states["A"] = {"entry": "storm", "on": {"FRAUD": "B"}}
    with pytest.raises(BudgetError):
        workflow({"start": "A", "states": states}, name="day", max_ops=50)(many=200)


def test_a_workflow_in_a_workflow_and_one_that_an_agent_calls(bank, transfer):
    inner = workflow(SEED, name="inner")
    outer = workflow(
        {"states": {"A": {"entry": "again", "on": {"FRAUD": "B", "EVT_SUCCESS": "C"}}, "B": {}, "C": {}}},
        functions=[function(name="again", uses=[inner])(lambda: inner(start="PROCESSING", src="ann", dst="bob", n=999).end)],
        name="outer",
    )  # fmt: skip
    assert outer().end == "B"

    use(
        scripted=ScriptedModel([call("inner", start="PROCESSING", src="ann", dst="bob", n=5), "ok"])
    )
    clerk = agent("clerk()", "Go.", uses=[inner], model="scripted")
    assert clerk() == "ok"
    assert plain(bank.accounts)["bob"] == 5

    # In a transaction of its caller: nothing counts before, and the signals drive it all the same.
    held = workflow(SEED.replace("EVT_SUCCESS", "FRAUD: HELD\n      EVT_SUCCESS") + "  HELD:\n")

    @function(uses=[held], writes=["accounts", "sig_fraud"])
    def whole(n: int) -> str:
        end = held(start="PROCESSING", src="ann", dst="bob", n=n).end
        if n == 1:
            raise ValueError
        return end

    assert [sent.by for sent in bank.signals()] == ["transfer"]
    assert whole(10_000) == "HELD"
    assert len(bank.signals()) == 2
    with pytest.raises(ValueError):  # noqa: PT011
        whole(1)
    assert plain(bank.accounts)["bob"] == 5


# Waiting.


def test_t39_a_state_waits_for_an_event_from_outside_without_a_thread(bank, transfer):
    day = workflow(SEED, name="day")
    before = threading.active_count()
    many = [day.start(src="ann", dst="bob", n=1) for _ in range(20)]
    for run in many:
        asking = questions(run.root)
        assert next(asking).held.on.choices == ("CMD_TX",)
        asking.close()
    assert threading.active_count() <= before + 12
    with pytest.raises(ArgumentError, match="CMD_TX"):
        many[0].answer("CMD_TXX")
    for run in many:
        run.answer("CMD_TX")
    assert {run.result().end for run in many} == {"NOTIFY"}
    assert plain(bank.accounts)["bob"] == 20
    assert many[0].replay().is_same


def test_headless_it_stays_pending_and_goes_on_with_what_was_answered(bank, transfer):
    day = workflow(SEED, name="day")
    with pytest.raises(PendingError):
        day(src="ann", dst="bob", n=-1)
    run = answered(runs.last, "CMD_TX")
    next(questions(run.root))  # it failed, and stands in IDLE again
    run.cancel()
    with pytest.raises(CancellationException):
        run.result()
    again = run.resume()
    asking = questions(again.root)
    next(asking)
    steps = [(n.state, n.event) for n in again.view().intermediate_events]
    assert steps == [("IDLE", "CMD_TX"), ("PROCESSING", "EVT_FAIL")]
    again.cancel()
    again.wait()
    assert run.replay().is_same


def test_a_state_with_many_events_takes_them_by_word_and_tells_what_fits_none():
    events = {f"GO_{n}": "END" for n in range(60)}
    day = workflow({"states": {"A": {"on": events}, "END": {}}}, name="day")
    run = answered(day.start(), "nowhere", "go_7")
    assert [row["event"] for row in run.result().history] == ["GO_7", ""]
    assert [n.event for n in run.view().intermediate_events] == ["nowhere", "GO_7", ""]
    assert run.replay().is_same


# Again.


def test_a_rerun_serves_what_is_as_it_was_and_a_fork_goes_another_way(bank, transfer):
    day = workflow(
        SEED.replace("EVT_SUCCESS", "FRAUD: HELD\n      EVT_SUCCESS") + "  HELD:\n", name="day"
    )
    day(start="PROCESSING", src="ann", dst="bob", n=60)
    run = runs.last
    fork = run.fork("day/transfer", args={"n": 500})
    assert fork.result().end == "HELD"
    assert bank.signals() == []
    assert fork.replay().is_same
    assert plain(bank.accounts)["bob"] == 60
    assert run.rerun(n=70).result().end == "HELD"  # 40 are left


def test_the_order_of_signals_comes_from_the_record(bank):
    """Steps that go on at once publish in any order; a replay and a resume take the recorded one."""
    gates = {"a": threading.Event(), "b": threading.Event()}

    @function(writes=["sig_fraud"])
    def fraud() -> None:
        assert gates["a"].wait(20)
        bank.sig_fraud = True

    @function(writes=["cmd_tx"])
    def tx() -> None:
        assert gates["b"].wait(20)
        bank.cmd_tx = True

    @function(uses=[fraud, tx])
    def both() -> None:
        nodes = [fraud.start(), tx.start()]
        if first == "tx":
            gates["b"].set()
            nodes[1].result()
        gates["a"].set()
        nodes[0].result()
        gates["b"].set()
        nodes[1].result()

    machine = {
        "states": {"A": {"entry": "both", "on": {"FRAUD": "F", "TX": "T"}}, "F": {}, "T": {}}
    }
    day = workflow(machine, name="day")
    for begins, other, end in (("tx", "fraud", "T"), ("fraud", "tx", "F")):
        first = begins
        for gate in gates.values():
            gate.clear()
        assert day().end == end
        # Now they come the other way round.
        first = other
        for gate in gates.values():
            gate.clear()
        assert runs.last.replay().now.outputs["end"] == end


def test_a_cancelled_run_goes_on_in_its_state_and_serves_what_counted(bank):
    stops = threading.Event()

    @function(writes=["n", "sig_fraud"])
    def counts(k: int) -> int:
        bank.n += k
        bank.sig_fraud = bank.n
        return bank.n

    @function
    async def slow(ctx) -> int:
        if stops.is_set():
            return 1
        stops.set()
        await ctx.sleep(60)
        return 2

    machine = {
        "states": {
            "A": {"entry": "counts", "on": {"FRAUD": "B"}},
            "B": {"entry": "slow", "on": {"EVT_SUCCESS": "C"}},
            "C": {"entry": "counts"},
        }
    }
    day = workflow(machine, name="day")
    run = day.start(k=2)
    assert stops.wait(20)
    run.cancel()
    run.wait()
    assert [sent.value for sent in bank.signals()] == [2]
    again = run.resume()
    assert again.result().end == "C"
    assert bank.n == 4
    assert [one.served for one in again.view().children] == [True, False, False]
    # Not lost, and not doubled.
    assert [sent.value for sent in bank.signals()] == [2, 4]
    assert states_of(again.result()) == ["A", "B", "C"]
    assert again.replay().is_same


def test_a_failure_that_led_on_is_served_not_run_again():
    broken = threading.Event()
    broken.set()

    @function
    def flaky() -> int:
        if broken.is_set():
            raise ValueError
        return 1

    machine = {
        "states": {
            "A": {"entry": "flaky", "on": {"EVT_FAIL": "B", "EVT_SUCCESS": "C"}},
            "B": {"on": {"GO": "C"}},
            "C": {},
        }
    }
    run = workflow(machine, functions=[flaky], name="day").start()
    next(questions(run.root))
    run.cancel()
    run.wait()
    broken.clear()
    again = answered(run.resume(), "GO")
    assert states_of(again.result()) == ["A", "B", "C"]


def test_the_record_lists_the_steps(bank, transfer):
    day = workflow(SEED, name="day")
    day(start="PROCESSING", src="ann", dst="bob", n=1000)
    found = sql("SELECT * FROM workflow_steps ORDER BY nth, next IS NOT NULL")
    assert found.state.tolist() == ["PROCESSING", "PROCESSING", "NOTIFY"]
    first, left, end = (row for _, row in found.iterrows())
    assert (left.event, left.next, left.outcome, left.entry) == (
        "EVT_SUCCESS",
        "NOTIFY",
        "success",
        '["transfer"]',
    )
    assert (first.event, first["count"]) == ("sig_fraud", 1)
    assert left.began <= left.ended == end.began
    assert end.isna()[["event", "next", "outcome"]].all()
    assert set(found.workflow) == {"day"}


# Against a simple model.


def test_any_machine_goes_as_a_simple_model_of_it(bank, chance):
    """Random machines, whose steps fail and publish at random, against twenty lines."""

    @function(writes=["sig_fraud", "cmd_tx"])
    def step(script: list[list[str]]) -> int:
        told = script[bank_n[0]]
        bank_n[0] += 1
        for word in told:
            if word == "fail":
                raise ValueError
            setattr(bank, word, True)
        return 1

    bank_n = [0]
    kinds = ["sig_fraud", "cmd_tx", "fail"]
    for trial in range(40):
        names = [f"S{n}" for n in range(chance.randrange(2, 7))]
        machine = {"END": {}}
        for place, name in enumerate(names):
            to = [*names, "END"]
            events = {"EVT_SUCCESS": to[place + 1], "EVT_FAIL": chance.choice(to)}
            for event in ("FRAUD", "CMD_TX"):
                if chance.random() < 0.5:
                    events[event] = chance.choice(to)
            machine[name] = {"entry": ["step"] * chance.randrange(1, 3), "on": events}
        script = [chance.sample(kinds, chance.randrange(4)) for _ in range(200)]
        wanted = modelled(machine, "S0", script, 30)
        bank_n[0] = 0
        day = workflow({"start": "S0", "states": machine}, name="day", max_ops=30)
        try:
            came = [(r["state"], r["event"]) for r in day(script=script).history]
        except BudgetError:
            came = [(n.state, n.event) for n in runs.last.view().intermediate_events if n.next]
            wanted = wanted[:30]
        assert came == wanted, (trial, machine)


def modelled(machine, here, script, most):
    """Say which states and events come, one after the other."""
    script, queue, came = iter(script), [], []
    for _ in range(most + 1):
        failed = False
        for _ in machine[here].get("entry", ()):
            told = next(script)
            failed = "fail" in told
            if failed:
                break
            queue += told
        events, to, event = machine[here].get("on", {}), None, ""
        while queue and to is None:
            event = {"sig_fraud": "FRAUD", "cmd_tx": "CMD_TX"}[queue.pop(0)]
            to = events.get(event)
        if to is None:
            event = "EVT_FAIL" if failed else "EVT_SUCCESS"
            to = events.get(event)
        came.append((here, event if to else ""))
        if to is None:
            return came
        here = to
    return came


def test_a_workflow_s_value_is_a_mapping_that_nobody_changes():
    done = Finished("A", [{"state": "A"}], {"x": 1})
    assert dict(done) == {"end": "A", "history": [{"state": "A"}], "results": {"x": 1}}
    with pytest.raises(TypeError):
        done.results["x"] = 2
    assert repr(done) == "<Finished in A after 1 state>"
