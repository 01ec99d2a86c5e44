"""Whatever ends one of our threads fails who waits for it, with the cause (Q3)."""

import asyncio
import os
import threading
from pathlib import Path

import pytest

from netflux_nb import (
    CancellationException,
    ModelReply,
    ModelTextPart,
    NodeState,
    Runtime,
    TokenUsage,
    agent,
    function,
)
from netflux_nb.core.errors import RecordError
from netflux_nb.core.policy import Admit, Ask, Closed, Draw, Enter, Hold, Leave, Replied, WaitingOn
from netflux_nb.record.codecs.artifacts import Artifacts
from netflux_nb.record.journal import Journal
from netflux_nb.testing import ScriptedModel

LONG_S = 20  # a hang is a failure, and not a wait for ever
KINDS = [RuntimeError, KeyError, MemoryError, SystemExit, KeyboardInterrupt]
talker = agent("talker(q: str)", "{q}", model="scripted")


@function
def plain(x: int) -> int:
    """Give a number back."""
    return x


@function(effect="post")
def acts(x: int) -> int:
    """Act."""
    return x


@function(uses=[plain, talker])
def both(q: str) -> str:
    """Call code and an agent."""
    plain(1)
    return talker(q)


@function
async def waits(x: int) -> int:
    """Wait a little."""
    await asyncio.sleep(0)
    return x


def outcome(runtime, fn, args, **options):
    """Give what a call came to, and never wait for ever."""
    node = runtime.get_ctx().invoke(fn, args, **options)
    node.wait(timeout=LONG_S)
    assert node.is_done
    return node


class Sink:
    """A journal that raises at one of its seams."""

    def __init__(self, seam, error):
        self.seam, self.error = seam, error

    def _at(self, seam):
        if seam == self.seam:
            raise self.error

    def append(self, event):
        self._at(f"append {type(event.body).__name__}")

    def drain(self, *, may_write):
        self._at("drain")

    def barrier(self, done):
        self._at("barrier")
        done(None)

    def sync(self):
        self._at("sync")


SINKS = ["drain", "barrier", "sync", "append NodeOpened"]
SINKS += [f"append {name}" for name in ("NodeStarted", "NodeClosed", "RequestStarted")]
SINKS += [f"append {name}" for name in ("RequestEnded", "PartAdded", "EffectStarted", "RunBegan")]


@pytest.mark.parametrize("seam", SINKS)
@pytest.mark.parametrize("fn", [plain, acts, talker, waits], ids=lambda fn: fn.name)
def test_q3_a_journal_that_raises_leaves_nobody_waiting(seam, fn):
    error = RuntimeError("the journal broke")
    model = ScriptedModel(lambda request: "well")
    args = {"q": "?"} if fn is talker else {"x": 1}
    with Runtime([fn], sink=Sink(seam, error), models={"scripted": model}) as runtime:
        if seam == "append NodeOpened":
            with pytest.raises(RuntimeError, match="the journal broke"):
                outcome(runtime, fn, args)
            return
        node = outcome(runtime, fn, args)
        if node.exception is not None:
            assert error in (node.exception, node.exception.__cause__)
        # From here on nothing new is begun, and it is said why.
        if runtime.log.sink.__class__.__name__ == "Ended":
            with pytest.raises(RecordError, match="the journal broke"):
                runtime.get_ctx().invoke(fn, args)


@pytest.mark.filterwarnings("ignore::netflux_nb.core.errors.RecordWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_q3_a_sync_that_raises_fails_what_waits_for_it(tmp_path, kind):
    class Raises(Artifacts):
        def sync(self):
            raise kind("no sync")

    with Journal(tmp_path) as journal:
        journal.artifacts = Raises(tmp_path)
        model = ScriptedModel(lambda request: "well")
        with Runtime([talker], sink=journal, models={"scripted": model}) as runtime:
            node = outcome(runtime, talker, {"q": "?"})

            assert isinstance(node.exception, RecordError)
            assert "no sync" in str(node.exception)
            assert isinstance(node.exception.__cause__, kind)
            with pytest.raises(RecordError, match="no sync"):
                runtime.get_ctx().invoke(talker, {"q": "?"})


@pytest.mark.filterwarnings("ignore::netflux_nb.core.errors.RecordWarning")
@pytest.mark.parametrize("kind", [KeyError, MemoryError, AttributeError])
def test_q3_an_artifact_that_cannot_be_written_fails_what_waits_for_it(tmp_path, kind):
    class Raises(Artifacts):
        def put(self, content):
            raise kind("no file")

    with Journal(tmp_path) as journal:
        journal.artifacts = Raises(tmp_path)
        with Runtime([acts, talker], sink=journal) as runtime:
            ctx = runtime.get_ctx()
            ctx.invoke(acts, {"x": 10**100_000}).wait(timeout=LONG_S)

            assert "no file" in str(journal.failure)
            with pytest.raises(RecordError, match="no file"):
                ctx.invoke(acts, {"x": 1})


class Policy:
    """A policy that raises at one moment."""

    def __init__(self, moment, error):
        self.moments, self.error = frozenset({moment}), error

    def __call__(self, moment):
        raise self.error


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("moment", [Admit, Enter, Ask, Replied, Leave, Closed])
@pytest.mark.parametrize("fn", [plain, talker, waits, both], ids=lambda fn: fn.name)
def test_q3_a_policy_that_raises_ends_the_node(moment, fn, kind):
    error = kind("the policy broke")
    model = ScriptedModel(lambda request: "well")
    policy = Policy(moment, error)
    with Runtime([both, waits], policies=[policy], models={"scripted": model}) as runtime:
        node = outcome(runtime, fn, {"q": "?"} if fn in (talker, both) else {"x": 1})

        asks = fn in (talker, both)
        if moment is Closed or (moment in (Ask, Replied) and not asks):
            assert node.exception is None
        else:
            assert node.state is NodeState.Error
            assert "the policy broke" in str(node.exception)


def test_q3_a_policy_that_raises_when_a_draw_is_made_fails_the_body():
    @function
    def draws(ctx) -> float:
        """Draw."""
        return ctx.random()

    error = SystemExit("no draw")
    with Runtime([draws], policies=[Policy(Draw, error)]) as runtime:
        assert outcome(runtime, draws, {}).exception is error


def test_q3_a_policy_that_raises_does_not_keep_what_another_had_reserved():
    told = []

    class Takes:
        moments = frozenset({Replied})

        def __call__(self, moment):
            told.append(moment.node.id)

    policies = [Policy(Replied, ValueError("no")), Takes()]
    model = ScriptedModel(lambda request: "well")
    with Runtime([talker], policies=policies, models={"scripted": model}) as runtime:
        node = outcome(runtime, talker, {"q": "?"})

        assert node.state is NodeState.Error
        assert told == [node.id]


@pytest.mark.parametrize("fn", [plain, talker], ids=lambda fn: fn.name)
def test_q3_what_holds_a_node_may_raise(fn):
    def until(go):
        raise LookupError("nothing to wait for")

    class Holds:
        moments = frozenset({Admit, Ask})

        def __call__(self, moment):
            return Hold(WaitingOn("budget", "more"), until)

    model = ScriptedModel(lambda request: "well")
    with Runtime([fn], policies=[Holds()], models={"scripted": model}) as runtime:
        node = outcome(runtime, fn, {"q": "?"} if fn is talker else {"x": 1})

        assert isinstance(node.exception, LookupError)


@pytest.mark.parametrize("kind", KINDS)
def test_q3_a_model_that_raises_fails_its_agent_and_no_other(kind):
    class Model:
        async def reply(self, request, emit):
            if request.parts[-1].text == "bad":
                raise kind("decode")
            return ModelReply(parts=(ModelTextPart("well"),))

    with Runtime([talker], models={"scripted": Model()}) as runtime:
        bad = outcome(runtime, talker, {"q": "bad"})
        good = outcome(runtime, talker, {"q": "good"})

        assert "decode" in str(bad.exception)
        assert good.outputs == "well"


LOOPS = {
    "it is stopped": lambda loop: loop.stop(),
    "a call raises": lambda loop: loop.call_soon(lambda: 1 / 0),
    "a call asks to exit": lambda loop: loop.call_soon(exit_),
}


def exit_():
    raise SystemExit


@pytest.mark.parametrize("how", LOOPS)
def test_q3_code_on_the_loop_stops_nobody_elses(how):
    @function
    async def bad() -> int:
        """Do something to the loop."""
        LOOPS[how](asyncio.get_running_loop())
        await asyncio.sleep(0.01)
        return 1

    with Runtime([bad, waits]) as runtime:
        assert outcome(runtime, bad, {}).outputs == 1
        assert outcome(runtime, waits, {"x": 2}).outputs == 2


def test_q3_a_loop_that_ends_fails_all_that_ran_on_it_with_the_cause():
    begun = threading.Event()

    @function
    async def stays() -> int:
        """Wait for ever."""
        begun.set()
        await asyncio.Event().wait()
        return 1

    @function
    async def breaks() -> int:
        """Take away what the loop sleeps on."""
        with Path(os.devnull).open() as nothing:
            os.dup2(nothing.fileno(), asyncio.get_running_loop()._selector.fileno())
        return 1

    with Runtime([stays, breaks, plain, waits]) as runtime:
        ctx = runtime.get_ctx()
        node = ctx.invoke(stays, {})
        assert begun.wait(LONG_S)
        ctx.invoke(breaks, {}).wait(timeout=LONG_S)

        node.wait(timeout=LONG_S)
        after = outcome(runtime, waits, {"x": 1})
        timed = outcome(runtime, plain, {"x": 1}, timeout=60)

        for one in (node, after, timed):
            assert "The thread that runs agents ended" in str(one.exception)
            assert one.exception.__cause__ is not None
        assert outcome(runtime, plain, {"x": 1}).outputs == 1
        runtime.loop._thread.join(LONG_S)


def test_q3_a_cancel_event_that_raises_ends_its_node_and_no_tick():
    class Event:
        def is_set(self):
            raise OSError("the event is gone")

    go = threading.Event()

    @function
    def body() -> int:
        """Wait."""
        assert go.wait(LONG_S)
        return 1

    with Runtime([body, plain]) as runtime:
        node = outcome(runtime, body, {}, cancel_event=Event())
        go.set()

        assert "the event is gone" in str(node.exception)
        # The tick lives: who queues behind a busy pool still gets a thread.
        event = threading.Event()
        other = runtime.get_ctx().invoke(plain, {"x": 1}, cancel_event=event)
        other.wait(timeout=LONG_S)
        assert other.outputs == 1


def test_q3_a_callback_that_raises_keeps_the_end_from_nobody():
    go = threading.Event()

    @function
    def body() -> int:
        """Wait."""
        assert go.wait(LONG_S)
        return 1

    def bad():
        raise SystemExit("callback")

    with Runtime([body]) as runtime:
        node = runtime.get_ctx().invoke(body, {})
        node.add_done_callback(bad)
        done = node.done
        go.set()

        assert done.wait(LONG_S)
        assert node.outputs == 1


def test_q3_an_event_that_cannot_be_folded_is_said_at_its_node_and_loses_no_other():
    class Odd(TokenUsage):
        def __eq__(self, other):
            raise ArithmeticError("no such sum")

        __hash__ = None

    class Model:
        async def reply(self, request, emit):
            return ModelReply(parts=(ModelTextPart("well"),), usage=Odd())

    with Runtime([talker], models={"scripted": Model()}) as runtime:
        node = outcome(runtime, talker, {"q": "?"})
        view = node.view()

        assert view.outputs == node.outputs == "well"
        assert "no such sum" in view.status


@pytest.mark.parametrize("kind", KINDS)
def test_q3_an_observer_that_raises_is_dropped_and_the_run_goes_on(kind):
    def tell(event):
        raise kind("observer")

    with Runtime([plain]) as runtime:
        subscription = runtime.subscribe(tell)
        assert outcome(runtime, plain, {"x": 3}).outputs == 3
        subscription.join(LONG_S)

        assert subscription not in runtime.log._subscriptions


def test_q3_a_driver_whose_end_fails_is_ended_anyhow():
    from netflux_nb import AgentNode
    from netflux_nb.providers import register_model
    from netflux_nb.runtime.registry import register_driver

    class Driver(AgentNode):
        def run(self):
            self.ctx.post_success("well")

        def on_terminal_cleanup(self):
            raise SystemExit("cleanup")

    register_model("q3", lambda client: None)
    register_driver("q3", lambda: Driver)
    one = agent("one()", "x", model="q3")
    with Runtime([one]) as runtime:
        assert outcome(runtime, one, {}).outputs == "well"


def test_q3_an_interrupt_in_a_body_is_its_nodes_and_ends_no_thread():
    @function
    def bad() -> int:
        """Raise what ends a thread."""
        raise SystemExit("body")

    with Runtime([bad, plain]) as runtime:
        for _ in range(8):
            node = outcome(runtime, bad, {})
            assert isinstance(node.exception, SystemExit)
        assert outcome(runtime, plain, {"x": 1}).outputs == 1


def test_q3_a_cancelled_node_is_one_still(tmp_path):
    with Journal(tmp_path) as journal, Runtime([waits], sink=journal) as runtime:
        event = threading.Event()
        event.set()
        node = outcome(runtime, waits, {"x": 1}, cancel_event=event)

        assert node.exception is None or isinstance(node.exception, CancellationException)
