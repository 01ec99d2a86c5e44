"""Who may start, ask and end: questions to persons by their ids, and verdicts that nobody hears."""

import sys
import threading
import types
from contextlib import closing

import pytest

from netflux_nb import (
    Approvals,
    ArgumentError,
    NodeState,
    NoNodeError,
    RejectedError,
    agent,
    function,
)
from netflux_nb.core.errors import PolicyError
from netflux_nb.core.policy import (
    Admit,
    Ask,
    Closed,
    Draw,
    Enter,
    Hold,
    Leave,
    Person,
    Refuse,
    Replace,
    Replied,
    Switch,
    WaitingOn,
)
from netflux_nb.runtime.threads import typed_answers, waiting
from netflux_nb.testing import ScriptedModel, call

DEARER = WaitingOn("approval", "It costs $900 more than yesterday. Yes?")


class Cost:
    """Asks about every call, in words of its own."""

    moments = frozenset({Admit})

    def __init__(self):
        self.seen = []

    def __call__(self, moment):
        self.seen.append(dict(moment.answers))
        answer = moment.answers.to(DEARER)
        if answer is None:
            return Hold(DEARER)
        return None if answer.value is True else Refuse(RejectedError(f"{answer.who} said no"))


def pay_of(paid):
    @function(needs_approval=True)
    def pay(to: dict) -> str:
        paid.append(to)
        return "paid"

    return pay


def begun(make_runtime, fn, inputs, *policies, **options):
    runtime = make_runtime(fn, policies=[Approvals(), *policies], **options)
    return runtime.get_ctx().invoke(fn, inputs)


def question(node):
    return node.held.on


def test_q76_a_yes_to_one_question_answers_no_other(make_runtime):
    paid, cost = [], Cost()
    node = begun(make_runtime, pay_of(paid), {"to": {"iban": "DE1"}}, cost)

    first = question(node)
    node.approve(by="ann")
    second = question(node)

    assert (first.asker, second.asker) == ("Approvals", "Cost")
    assert (second.what, paid) == (DEARER.what, [])
    assert cost.seen == [{}]  # what ann said to another is not shown to it
    node.approve(by="bob")
    assert node.result(60) == "paid"
    assert {one: said.by for one, said in cost.seen[-1].items()} == {second.id: "bob"}


def test_q76_two_policies_of_one_kind_are_told_apart(make_runtime):
    node = begun(make_runtime, pay_of([]), {"to": {}}, Cost(), Cost())
    askers = []
    for _ in range(3):
        askers.append(question(node).asker)
        node.approve()
    assert askers == ["Approvals", "Cost", "Cost[2]"]
    assert node.result(60) == "paid"


def test_q74_an_answer_to_a_question_that_is_asked_no_more_is_refused(make_runtime):
    node = begun(make_runtime, pay_of([]), {"to": {}}, Cost())
    shown = question(node).id
    node.approve(question=shown)

    with pytest.raises(NoNodeError, match="asks another question now"):
        node.approve(question=shown)

    assert question(node).what == DEARER.what
    node.reject("too dear", by="ann", question=question(node).id)
    with pytest.raises(RejectedError, match="ann"):
        node.result(60)


def test_q76_a_yes_at_admission_is_none_to_a_request(make_runtime):
    class Money:
        moments = frozenset({Admit, Ask})

        def __call__(self, moment):
            on = WaitingOn("approval", "May it?")
            return None if moment.answers.to(on) else Hold(on)

    one = agent("one()", "x", model="scripted")
    node = begun(make_runtime, one, {}, Money(), models={"scripted": ScriptedModel(["done"])})
    node.approve(by="ann")
    with waiting_for(node) as asking:
        again = next(asking)
        assert question(again).asker == "Money, request 1"
        again.approve(by="ann")
    assert node.result(60) == "done"


def waiting_for(node):
    return closing(waiting.questions(node))


def test_q77_what_is_approved_is_what_runs(make_runtime):
    paid, to = [], {"iban": ["DE1"]}
    node = begun(make_runtime, pay_of(paid), {"to": to})

    to["iban"][0] = "EVIL"
    assert "DE1" in typed_answers.whole_text(node)
    assert node.view().inputs["to"] == {"iban": ["DE1"]}
    node.approve()

    assert node.result(60) == "paid"
    assert paid == [{"iban": ["DE1"]}]


class Open:
    """Cannot be copied, can be pickled, and is changed by whoever holds it."""

    def __init__(self, iban):
        self.iban = iban

    def __deepcopy__(self, memo):
        raise TypeError("one only")

    def __repr__(self):
        return f"Open({self.iban})"


def test_q77_what_cannot_be_copied_is_compared_before_it_runs(make_runtime):
    paid = []

    @function(needs_approval=True)
    def pay(to: object) -> str:
        paid.append(to.iban)
        return "paid"

    to = Open("DE1")
    node = begun(make_runtime, pay, {"to": to})
    to.iban = "EVIL"
    node.approve(by="ann")

    assert paid == []
    assert question(node).note == (
        "Since ann (as claimed) answered:\n"
        "The argument to has changed: Open(DE1) then, Open(EVIL) now."
    )
    assert "EVIL" in question(node).what
    node.reject("no", by="ann")
    with pytest.raises(RejectedError):
        node.result(60)


def test_q77_what_nobody_can_hold_fast_is_named(make_runtime):
    @function(needs_approval=True)
    def lock(it: object) -> bool:
        return it.locked()

    node = begun(make_runtime, lock, {"it": threading.Lock()})
    assert question(node).note == "Not held fast, neither copied nor compared when it runs: it."
    node.approve()
    assert node.result(60) is False


CELLS = """
from netflux_nb import function
@function
def send(to: str) -> str:
    return "old " + to
@function(needs_approval=True, uses=[send])
def pay(to: str) -> str:
    return send(to=to)
"""


def cells(name="__main__"):
    space = {"__name__": name}
    exec(compile(CELLS, "<cell>", "exec"), space)
    return space


def redefine(space):
    exec(CELLS[: CELLS.index("@function(needs")].replace("old ", "NEW "), space)


def test_q75_a_callee_that_was_redefined_while_it_waited_is_asked_about(make_runtime):
    space = cells()
    node = begun(make_runtime, space["pay"], {"to": "x"}, is_open=True)
    redefine(space)
    first = question(node)

    node.approve(by="ann")

    again = question(node)
    assert (again.what, node.state) == (first.what, NodeState.Waiting)
    assert again.id != first.id
    assert again.note.startswith("Since ann (as claimed) answered:\npay() has changed: version ")
    node.approve(by="ann")
    assert node.result(60) == "NEW x"


def test_q75_a_tool_of_an_agent_that_was_redefined_is_asked_about(make_runtime, monkeypatch):
    module = types.ModuleType("cells_of_a_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    vars(module).update(cells(module.__name__))
    ask = agent("ask()", "x", uses=[module.send], needs_approval=True, model="scripted")
    model = ScriptedModel([call("send", to="x"), "done"])
    node = begun(make_runtime, ask, {}, is_open=True, models={"scripted": model})
    redefine(vars(module))

    node.approve(by="ann")

    assert "send() has changed: version" in question(node).note
    node.approve(by="ann")
    assert node.result(60) == "done"
    assert [child.outputs for child in node.children] == ["NEW x"]


def test_q75_what_did_not_change_is_asked_once(make_runtime):
    space = cells()
    node = begun(make_runtime, space["pay"], {"to": "x"}, is_open=True)
    node.approve()
    assert node.result(60) == "old x"


def test_q75_whoever_said_yes_before_is_asked_again_and_others_are_not_called_again(make_runtime):
    class Counts:
        moments = frozenset({Admit})
        calls = 0

        def __call__(self, moment):
            Counts.calls += moment.node.fn.name == "pay"

    space, counts = cells(), Counts()
    node = begun(make_runtime, space["pay"], {"to": "x"}, counts, Cost(), is_open=True)
    node.approve(by="ann")
    redefine(space)
    node.approve(by="bob")  # to what costs more

    askers = []
    while node.held is not None and len(askers) < 5:
        askers.append(question(node).asker)
        node.approve(by="ann")

    assert askers == ["Approvals", "Cost"]
    assert Counts.calls == 1
    with waiting_for(node) as asking:
        for one in asking:  # of the callee below it
            one.approve()
    assert node.result(60) == "NEW x"


def test_q78_a_body_cannot_approve_itself(make_runtime):
    refused = []

    @function(needs_approval=True)
    def pay() -> str:
        return "paid"

    @function(uses=[pay])
    def shop() -> str:
        node = pay.start()
        for claim in (lambda: node.approve(by="ann"), lambda: node.runtime.answer(node, True)):
            try:
                claim()
            except NoNodeError as error:
                refused.append(str(error))
        return node.result()

    node = begun(make_runtime, shop, {})
    with waiting_for(node) as asking:
        next(asking).approve()
    assert node.result(60) == "paid"
    assert len(refused) == 2
    assert "answered by a person, not from inside a run" in refused[0]


def test_q78_an_answer_says_how_its_giver_is_known(make_runtime):
    told = {}
    for by in ("ann", "unknown", Person("root", "system"), Person("eve", "hub")):
        node = begun(make_runtime, pay_of([]), {"to": {}})
        node.reject("no", by=by)
        told[str(by)] = str(node.wait(60) or node.exception).partition(":")[0]
    assert told == {
        "ann": "pay() was rejected by ann (as claimed)",
        "unknown": "pay() was rejected by unknown",
        "root (as the system knows)": "pay() was rejected by root (as the system knows)",
        "eve (as the Hub says)": "pay() was rejected by eve (as the Hub says)",
    }


def test_a_yes_or_no_is_true_or_false(make_runtime):
    node = begun(make_runtime, pay_of([]), {"to": {}})
    with pytest.raises(ArgumentError, match="a yes or a no: True or False, got 'yes'"):
        node.answer("yes")
    node.approve()
    assert node.result(60) == "paid"


UNHEARD = {
    "hold at leave": (Leave, Hold(DEARER), "Hold at Leave, where Refuse, Replace and None"),
    "switch at leave": (Leave, Switch("other"), "Switch at Leave"),
    "yes at leave": (Leave, True, "bool at Leave"),
    "switch at admit": (Admit, Switch("other"), "Switch at Admit"),
    "hold at enter": (Enter, Hold(DEARER), "Hold at Enter, where Refuse and None"),
    "replace at enter": (Enter, Replace(1), "Replace at Enter"),
    "hold at draw": (Draw, Hold(DEARER), "Hold at Draw"),
    "replace at ask": (Ask, Replace(1), "Replace at Ask"),
    "hold at replied": (Replied, Hold(DEARER), "Hold at Replied, where nothing but None"),
}


@pytest.mark.parametrize(("moment", "verdict", "words"), UNHEARD.values(), ids=UNHEARD)
def test_q80_a_policy_that_says_what_is_not_heard_fails_the_node(
    make_runtime, moment, verdict, words
):
    class Deaf:
        moments = frozenset({moment})

        def __call__(self, moment):
            return verdict

    @function
    def draws(ctx) -> float:
        return ctx.random.random()

    one = agent("one()", "x", model="scripted")
    fn = one if moment in (Ask, Replied) else draws
    models = {"scripted": ScriptedModel(["done"])}
    node = make_runtime(fn, policies=[Deaf()], models=models).get_ctx().invoke(fn, {})
    node.wait(60)

    assert node.state is NodeState.Error
    assert isinstance(node.exception, PolicyError)
    assert f"Deaf gave {words}" in str(node.exception)


def test_q80_what_is_said_when_all_is_over_is_logged(make_runtime, quiet_log):
    class Late:
        moments = frozenset({Closed})

        def __call__(self, moment):
            return Hold(DEARER)

    @function
    def plain() -> int:
        return 1

    logged, heard = [], threading.Event()

    def hear(record):
        logged.append(record.exc_text or str(record.exc_info))
        heard.set()
        return False

    quiet_log.addFilter(hear)
    try:
        node = make_runtime(plain, policies=[Late()]).get_ctx().invoke(plain, {})
        assert node.result(60) == 1
        assert heard.wait(60)
    finally:
        quiet_log.removeFilter(hear)

    assert "Late gave Hold at Closed" in logged[0]
