"""A question to a person waits for the person, and for nobody else."""

import asyncio
import threading

import pytest

from netflux_nb import (
    AgentException,
    ArgumentError,
    CancellationException,
    NodeState,
    NoNodeError,
    Runtime,
    agent,
    function,
    view_from_json,
    view_to_json,
)
from netflux_nb.core.events import Answered, NodeWaits
from netflux_nb.core.policy import Answer, WaitingOn
from netflux_nb.func_lib.human import human_in_loop
from netflux_nb.func_lib.raise_exception import raise_exception
from netflux_nb.testing import ScriptedModel, call


class Clerk:
    """Hears the events of a runtime and knows who waits for an answer."""

    def __init__(self, runtime):
        self.bodies = []
        self._asking = {}
        self._news = threading.Condition()
        self._subscription = runtime.subscribe(self._hear)

    def _hear(self, event):
        with self._news:
            self.bodies.append(event.body)
            if isinstance(event.body, NodeWaits):
                on = event.body.on
                if on is not None and on.kind == "answer":
                    self._asking[event.node_id] = on
                else:
                    self._asking.pop(event.node_id, None)
            self._news.notify_all()

    def asking(self, count=1):
        with self._news:
            assert self._news.wait_for(lambda: len(self._asking) >= count, 20)
            return dict(self._asking)

    def answers(self):
        """All answers so far. It hears nothing more then."""
        self._subscription.close()
        self._subscription.join(20)
        return [body for body in self.bodies if isinstance(body, Answered)]

    def hears(self, question):
        with self._news:
            asked = lambda: any(on.what == question for on in self._asking.values())  # noqa: E731
            assert self._news.wait_for(asked, 20)


@pytest.fixture
def runtime():
    with Runtime([human_in_loop]) as made:
        yield made


def ask(runtime, question="Go on?", choices=None):
    """Ask, and wait until the question stands."""
    clerk = Clerk(runtime)
    node = runtime.get_ctx().invoke(human_in_loop, {"question": question, "choices": choices})
    clerk.asking()
    return node, clerk


def test_n217_it_waits_for_the_answer_and_gives_it(runtime):
    node, _ = ask(runtime)

    view = node.view()
    assert view.waiting_on == WaitingOn("answer", "Go on?")
    assert not view.is_done
    node.answer("with care", by="ada")
    assert node.result(timeout=20) == "with care"
    assert node.view().waiting_on is None


def test_n217_nobody_answers_for_the_person(runtime):
    node, clerk = ask(runtime)

    with pytest.raises(TimeoutError):
        node.result(timeout=0.05)
    assert clerk.asking() == {node.id: WaitingOn("answer", "Go on?")}


def test_n217_a_program_that_blocks_is_answered_by_another_thread(runtime):
    clerk = Clerk(runtime)

    @function(uses=[human_in_loop])
    def plan() -> str:
        return human_in_loop("Which way?", ["left", "right"])

    def front_end():
        (asking,) = clerk.asking()
        runtime.answer(asking, "left", by="ada")

    runtime.register(plan)
    thread = threading.Thread(target=front_end)
    thread.start()
    assert runtime.get_ctx().invoke(plan, {}).result(timeout=20) == "left"
    thread.join(20)


def test_n217_the_answer_is_told_with_who_and_why(runtime):
    node, clerk = ask(runtime)

    node.answer("yes", by="ada", reason="it is harmless")

    node.result(timeout=20)
    answer = Answer("yes", "ada", "it is harmless", "claimed")
    assert [said.answer for said in clerk.answers()] == [answer]


def test_n217_a_second_answer_is_refused_and_hears_who_was_first(runtime):
    node, _ = ask(runtime)
    node.answer("yes", by="ada")

    with pytest.raises(NoNodeError, match=r"waits for no answer\. It was answered by 'ada'"):
        node.answer("no", by="bob")

    assert node.result(timeout=20) == "yes"


def test_n217_of_many_who_answer_at_once_one_is_heard(runtime):
    node, clerk = ask(runtime)
    start, taken, refused = threading.Barrier(8), [], []

    def answer(name):
        start.wait(20)
        try:
            node.answer(name, by=name)
            taken.append(name)
        except NoNodeError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=answer, args=(f"p{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert [node.result(timeout=20)] == taken
    assert len(refused) == 7
    assert all(f"answered by '{taken[0]}'" in text for text in refused)
    assert len(clerk.answers()) == 1


def test_n217_an_answer_that_is_no_choice_is_refused_and_the_question_stands(runtime):
    node, clerk = ask(runtime, choices=["left", "right"])

    for wrong in ("up", "Left", True, 1, None, ["left"]):
        with pytest.raises(ArgumentError, match=r"none of the answers.*It takes: left, right"):
            node.answer(wrong, by="ada")
    with pytest.raises(ArgumentError, match="It takes: left, right"):
        node.approve()

    assert clerk.asking()[node.id].choices == ("left", "right")
    node.answer("right")
    assert node.result(timeout=20) == "right"


def test_n217_a_cancel_ends_the_wait(runtime):
    node, _ = ask(runtime)

    node.cancel("enough")

    with pytest.raises(CancellationException, match="enough"):
        node.result(timeout=20)
    with pytest.raises(NoNodeError, match="waits for no answer"):
        node.answer("yes")
    assert node.state is NodeState.Canceled


def test_n217_a_deadline_ends_the_wait(runtime):
    node = runtime.get_ctx().invoke(human_in_loop, {"question": "Go on?"}, timeout=0.05)

    with pytest.raises(CancellationException, match="deadline"):
        node.result(timeout=20)


def test_n217_closing_the_runtime_ends_the_wait():
    runtime = Runtime([human_in_loop])
    node, _ = ask(runtime)

    runtime.close()

    assert node.state is NodeState.Canceled


@pytest.mark.slow
def test_n217_questions_hold_no_threads(runtime):
    clerk = Clerk(runtime)
    ctx = runtime.get_ctx()
    before = threading.active_count()

    nodes = [ctx.invoke(human_in_loop, {"question": f"{i}?"}) for i in range(500)]

    assert len(clerk.asking(500)) == 500
    assert threading.active_count() < before + 15
    for i, node in enumerate(nodes):
        runtime.answer(node, str(i))
    assert [n.result(timeout=20) for n in nodes] == [str(i) for i in range(500)]


def test_n217_an_agent_may_ask_two_questions_at_once():
    helper = agent("helper()", "Do it.", uses=[human_in_loop], model="scripted")
    told = []

    def script(request):
        told.append(request.parts[-2:])
        if len(told) == 1:
            return [call("human_in_loop", question="One?"), call("human_in_loop", question="Two?")]
        return "done"

    with Runtime([helper], models={"scripted": ScriptedModel(script)}) as own:
        clerk = Clerk(own)
        node = own.get_ctx().invoke(helper, {})
        asked = {on.what: node_id for node_id, on in clerk.asking(2).items()}
        own.answer(asked["Two?"], "second", by="ada")
        own.answer(asked["One?"], "first", by="bob")

        assert node.result(timeout=20) == "done"
    assert [p.outputs for p in told[1]] == ["first", "second"]


def test_n217_an_agent_whose_question_makes_no_sense_is_told_so():
    helper = agent("helper()", "Do it.", uses=[human_in_loop, raise_exception], model="scripted")
    script = ScriptedModel(
        [call("human_in_loop", question=" "), call("raise_exception", msg="cannot ask")]
    )

    with Runtime([helper], models={"scripted": script}) as runtime, pytest.raises(AgentException):
        runtime.get_ctx().invoke(helper, {}).result(timeout=20)

    answer = script.requests[1].parts[-1]
    assert answer.is_error
    assert "A question has 1 to 2,000 characters, got 0" in answer.outputs


WRONG = {
    "nothing": ("", None, "1 to 2,000 characters, got 0"),
    "far too long": ("x" * 2001, None, "got 2,001"),
    "an empty choice": ("a?", ["x", " "], "A choice has 1 to 200 characters"),
    "a long choice": ("a?", ["x" * 201], "A choice has 1 to 200 characters"),
    "the same twice": ("a?", ["x", "x"], "differ from each other"),
    "too many": ("a?", [str(i) for i in range(51)], "at most 50, got 51"),
}


@pytest.mark.parametrize(("question", "choices", "why"), WRONG.values(), ids=WRONG)
def test_n217_a_question_is_bounded(runtime, question, choices, why):
    node = runtime.get_ctx().invoke(human_in_loop, {"question": question, "choices": choices})

    with pytest.raises(ArgumentError, match=why):
        node.result(timeout=20)


def run(runtime, fn):
    runtime.register(fn)
    return runtime.get_ctx().invoke(fn, {})


def test_n217_a_body_may_ask_one_question_after_another(runtime):
    @function
    async def form(ctx) -> str:
        return await ctx.ask("First?") + await ctx.ask("Second?", ["b"])

    clerk = Clerk(runtime)
    node = run(runtime, form)
    clerk.asking()
    node.answer("a", by="ada")
    clerk.hears("Second?")
    with pytest.raises(ArgumentError):
        node.answer("a", by="ada")
    node.answer("b")

    assert node.result(timeout=20) == "ab"


def test_n217_a_body_asks_one_question_at_a_time(runtime):
    @function
    async def both(ctx) -> str:
        first = asyncio.ensure_future(ctx.ask("First?"))
        await asyncio.sleep(0)
        try:
            await ctx.ask("Second?")
        finally:
            first.cancel()

    with pytest.raises(NoNodeError, match="waits for an answer already"):
        run(runtime, both).result(timeout=20)


def test_n217_a_body_may_stop_waiting(runtime):
    @function
    async def impatient(ctx) -> str:
        try:
            return await asyncio.wait_for(ctx.ask("Well?"), 0.01)
        except TimeoutError:
            return "nobody came"

    node = run(runtime, impatient)

    assert node.result(timeout=20) == "nobody came"
    with pytest.raises(NoNodeError, match="waits for no answer"):
        node.answer("late")


def test_n217_a_sync_body_hears_that_it_cannot_ask_so(runtime):
    @function
    def plain(ctx) -> str:
        return ctx.ask("Well?")

    with pytest.raises(NoNodeError, match=r"needs an async body.*`human_in_loop\(\.\.\.\)`"):
        run(runtime, plain).result(timeout=20)


def test_n217_outside_of_a_tree_nobody_can_ask(runtime):
    with pytest.raises(NoNodeError, match=r"ask\(\) needs a running Node"):
        runtime.get_ctx().ask("Well?")


def test_n217_choices_are_a_list(runtime):
    @function
    async def slip(ctx) -> str:
        return await ctx.ask("Well?", "yes")

    with pytest.raises(ArgumentError, match="got the one text 'yes'"):
        run(runtime, slip).result(timeout=20)


def test_n217_choices_survive_json(runtime):
    node, _ = ask(runtime, choices=["a", "b"])

    again = view_from_json(view_to_json(node.view()))

    assert again.waiting_on == WaitingOn("answer", "Go on?", choices=("a", "b"))


def test_n217_an_answer_to_nobody_is_an_error(runtime):
    with pytest.raises(KeyError):
        runtime.answer(999, "yes")
