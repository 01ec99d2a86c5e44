"""A Function is tried again after an error that may pass, and after no other."""

import asyncio
import inspect
import threading

import pytest

from netflux_nb import (
    AgentException,
    CancellationException,
    FunctionError,
    ModelProviderException,
    Runtime,
    agent,
    function,
)
from netflux_nb.core.events import StatusSet
from netflux_nb.core.functions.versions import version_of
from netflux_nb.func_lib.raise_exception import raise_exception
from netflux_nb.func_lib.retry_func import Retry
from netflux_nb.testing import FakeClock, ScriptedModel, broken, call

ask = agent("ask(question: str) -> str", "{question}", uses=[raise_exception], model="scripted")


def run(fn, script=(), **inputs):
    clock = FakeClock()
    model = ScriptedModel(list(script))
    with Runtime([fn], models={"scripted": model}, clock=clock, sleep=clock.sleep) as runtime:
        node = runtime.get_ctx().invoke(fn, inputs)
        node.wait(timeout=20)
        return node, clock


def failing(times, error):
    left = [times]

    @function
    def shaky(x: int, y: int = 2) -> int:
        if left[0]:
            left[0] -= 1
            raise error
        return x + y

    return shaky


def test_an_agent_whose_model_failed_is_asked_again():
    node, clock = run(Retry(ask), [broken(), broken(), "ok"], question="why?")

    assert node.result() == "ok"
    assert clock.slept == [1.0, 2.0]
    assert [c.fn.name for c in node.children] == ["ask", "ask", "ask"]


def test_the_last_failure_is_the_outcome():
    node, clock = run(Retry(ask, attempts=2), [broken("one"), broken("two")], question="why?")

    with pytest.raises(ModelProviderException, match="two"):
        node.result()
    assert clock.slept == [1.0]


def test_what_an_agent_decides_is_not_tried_again():
    node, clock = run(Retry(ask), [call("raise_exception", msg="no")], question="why?")

    with pytest.raises(AgentException):
        node.result()
    assert clock.slept == []


def test_code_is_tried_again_after_the_errors_that_are_named():
    fn = Retry(failing(2, OSError("busy")), on=(OSError,), pause_s=0.5)

    node, clock = run(fn, x=1)

    assert node.result() == 3
    assert clock.slept == [0.5, 1.0]


def test_one_error_may_be_named_by_itself():
    assert run(Retry(failing(1, OSError()), on=OSError), x=1)[0].result() == 3


def test_another_error_is_the_outcome_at_once():
    node, clock = run(Retry(failing(1, KeyError("x")), on=(OSError,)), x=1)

    assert isinstance(node.exception, KeyError)
    assert clock.slept == []


def test_no_pause_is_longer_than_an_hour():
    node, clock = run(Retry(failing(14, OSError()), attempts=20, on=OSError), x=1)

    assert node.result() == 3
    assert max(clock.slept) == 3_600


def test_it_says_that_it_waits_and_why():
    fn = Retry(failing(1, OSError("busy")), on=OSError, pause_s=0)
    told = []
    with Runtime([fn]) as runtime:
        subscription = runtime.subscribe(lambda e: told.append(e.body))
        assert runtime.get_ctx().invoke(fn, {"x": 1}).result(timeout=20) == 3
        subscription.close()
        subscription.join(20)

    assert StatusSet("OSError: waiting for attempt 2 of 3") in told


def test_a_cancel_ends_the_pause():
    waiting = threading.Event()

    async def sleep(seconds):
        waiting.set()
        await asyncio.Event().wait()

    fn = Retry(failing(1, OSError()), on=OSError)
    with Runtime([fn], sleep=sleep) as runtime:
        node = runtime.get_ctx().invoke(fn, {"x": 1})
        assert waiting.wait(20)
        node.cancel("enough")
        with pytest.raises(CancellationException, match="enough"):
            node.result(timeout=20)

    assert len(node.children) == 1


def test_a_cancel_of_the_call_is_not_tried_again():
    begun = threading.Event()

    @function
    def hang(ctx) -> int:
        begun.set()
        ctx.cancel_event.wait(20)
        ctx.check()
        return 1

    fn = Retry(hang, on=(Exception,))
    with Runtime([fn]) as runtime:
        node = runtime.get_ctx().invoke(fn, {})
        assert begun.wait(20)
        node.children[0].cancel("enough")
        with pytest.raises(CancellationException, match="enough"):
            node.result(timeout=20)

    assert len(node.children) == 1


def test_many_that_pause_hold_no_threads():
    waiting = threading.Semaphore(0)

    async def sleep(seconds):
        waiting.release()
        await asyncio.Event().wait()

    @function
    async def shaky(x: int) -> int:
        raise OSError("busy")

    fn = Retry(shaky, on=OSError)
    before = threading.active_count()
    with Runtime([fn], sleep=sleep) as runtime:
        for i in range(100):
            runtime.get_ctx().invoke(fn, {"x": i})
        assert all(waiting.acquire(timeout=20) for _ in range(100))
        assert threading.active_count() < before + 15


def test_it_takes_what_the_function_takes():
    shaky = failing(0, OSError())
    fn = Retry(shaky)

    assert fn.args == shaky.args
    assert str(inspect.signature(fn.callable)) == "(ctx, /, *, x, y=2)"
    assert (fn.name, Retry(shaky, name="sure").name) == ("shaky_retry", "sure")


def test_its_version_follows_its_settings():
    assert version_of(Retry(ask)).is_whole
    assert Retry(ask).version == Retry(ask).version
    assert Retry(ask).version != Retry(ask, attempts=4).version
    assert Retry(ask).version != Retry(ask, on=OSError).version


WRONG = {
    "no attempt": ({"attempts": 0}, "`attempts` is 1 to 100, got 0"),
    "a claim": ({"attempts": True}, "`attempts` is 1 to 100"),
    "no error": ({"on": ()}, "`on` holds the classes"),
    "no class": ({"on": (OSError("x"),)}, "`on` holds the classes"),
    "an exit": ({"on": (KeyboardInterrupt,)}, "`on` holds the classes"),
    "back in time": ({"pause_s": -1}, "`pause_s` is 0 to 3,600 seconds, got -1"),
    "for ever": ({"pause_s": float("inf")}, "got inf"),
    "no number": ({"pause_s": float("nan")}, "got nan"),
}


@pytest.mark.parametrize(("given", "why"), WRONG.values(), ids=WRONG)
def test_settings_that_make_no_sense_are_refused(given, why):
    with pytest.raises(FunctionError, match=why):
        Retry(ask, **given)


def test_only_a_function_can_be_tried_again():
    with pytest.raises(FunctionError, match="Decorate it with `@function`"):
        Retry(print)
