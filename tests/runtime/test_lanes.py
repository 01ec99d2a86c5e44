"""What all agents of a provider share: its client, its limits, its pauses (ND1, NW9, N205)."""

import asyncio
import threading

import pytest

from netflux_nb import (
    ArgumentError,
    Limit,
    ModelError,
    ModelReply,
    NodeState,
    Runtime,
    agent,
    gather,
)
from netflux_nb.core import ModelTextPart, TokenUsage
from netflux_nb.providers import register_model
from netflux_nb.runtime.agents.lanes import DEFAULT_CONCURRENCY, Lane
from netflux_nb.testing import FakeClock, ScriptedModel, Turn, flaky

quiet = agent("quiet()", "x", model="scripted")
SAID = ModelReply(parts=(ModelTextPart("x"),), usage=TokenUsage(input_tokens_total=30))


class Counting:
    """Answers after a while and knows how many it answered at once."""

    def __init__(self, seconds=0.02):
        self.now = self.most = self.asked = 0
        self.seconds = seconds

    async def reply(self, request, emit):
        self.asked += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.now -= 1
        return SAID


def asked_by(make_runtime, model, count, **options):
    runtime = make_runtime(quiet, models={"scripted": model}, **options)
    return [runtime.get_ctx().invoke(quiet, {}) for _ in range(count)]


def test_nw9_requests_have_a_limit_by_default(make_runtime):
    model = Counting()
    gather(*asked_by(make_runtime, model, DEFAULT_CONCURRENCY + 20))
    assert (model.asked, model.most) == (DEFAULT_CONCURRENCY + 20, DEFAULT_CONCURRENCY)


@pytest.mark.parametrize("limits", [{"scripted": 3}, {"scripted": Limit(concurrency=3)}])
def test_nd1_a_provider_has_a_limit_of_its_own(make_runtime, limits):
    model = Counting()
    nodes = asked_by(make_runtime, model, 12, limits=limits)
    gather(*nodes)
    assert model.most == 3


@pytest.mark.parametrize("limit", [{"concurrency": 0}, {"requests_per_minute": -1}])
def test_a_limit_is_more_than_nothing(limit):
    with pytest.raises(ArgumentError, match="must be more than 0"):
        Limit(**limit)


def test_a_limit_of_nobody_is_a_slip():
    with pytest.raises(TypeError, match="limits names 'opnai', which is no provider here"):
        Runtime([quiet], limits={"opnai": 20})


def lane_of(limit, clock):
    return Lane(limit, None, Counting(), clock, clock.sleep)


def let_through(limit, count, tokens=0, before=lambda lane: None):
    """Queue for so many turns and give the time at which each was had."""
    clock = FakeClock(0.0)

    async def one(lane, times):
        await lane.ask_turn()
        times.append(clock.now)
        await asyncio.sleep(0)
        lane.leave(tokens, went_well=True)

    async def main():
        lane, times = lane_of(limit, clock), []
        before(lane)
        await asyncio.gather(*(one(lane, times) for _ in range(count)))
        return times

    return asyncio.run(main())


def test_requests_a_minute_are_spread():
    times = let_through(Limit(concurrency=50, requests_per_minute=60), 10)
    assert times[0] == 0
    assert times[-1] == pytest.approx(9, abs=1.5)


def test_tokens_a_minute_are_counted_when_they_are_known():
    times = let_through(Limit(concurrency=1, tokens_per_minute=6000), 5, tokens=1000)
    # 100 tokens a second: each request after the first waits for the last one's to refill.
    assert times[-1] == pytest.approx(39, abs=2)


def test_after_a_limit_everybody_waits_and_comes_back_slowly():
    clock_of_turns = let_through(Limit(concurrency=8), 20, before=lambda lane: lane.back_off(30))
    assert min(clock_of_turns) == pytest.approx(30)


def test_faults_that_come_together_count_once_and_answers_open_the_lane_again():
    clock = FakeClock(0.0)
    lane = lane_of(Limit(concurrency=16), clock)

    async def main():
        for _ in range(10):
            lane.back_off(5)
        clock.now += 6
        turns = [lane.ask_turn() for _ in range(20)]
        assert sum(t.done() for t in turns) == 8
        for _ in range(12):
            lane.leave(went_well=True)
        assert sum(t.done() for t in turns) > 8 + 8

    asyncio.run(main())


def test_a_limit_at_one_agent_holds_back_the_others(make_runtime):
    clock, seen = FakeClock(), []
    first = threading.Event()

    class Limited:
        async def reply(self, request, emit):
            seen.append(clock.now)
            if not first.is_set():
                first.set()
                raise ModelError("slow down", retryable=True, retry_after_s=60.0, is_limit=True)
            return SAID

    nodes = asked_by(
        make_runtime, Limited(), 6, limits={"scripted": 1}, clock=clock, sleep=clock.sleep
    )
    gather(*nodes)
    assert len(seen) == 7
    assert all(later >= seen[0] + 60 for later in seen[1:])


def test_a_node_that_waits_for_its_turn_can_be_cancelled(make_runtime):
    model = Counting(seconds=30)
    nodes = asked_by(make_runtime, model, 2, limits={"scripted": 1})
    waiting = next(n for n in nodes if n.watch(0) and _waits_for(n, {"turn", "model"}) == "turn")
    waiting.cancel()
    waiting.wait(timeout=60)
    assert waiting.state is NodeState.Canceled
    assert model.asked == 1


def _waits_for(node, kinds):
    view = node.view()
    while view.waiting_on is None or view.waiting_on.kind not in kinds:
        view = node.watch(view.update_seqnum, timeout=60)
    return view.waiting_on.kind


class Client:
    def __init__(self, log, turns):
        self.log, self.model = log, ScriptedModel(turns)

    async def reply(self, request, emit):
        return await self.model.reply(request, emit)

    async def close(self):
        self.log.append("closed")


def test_n163_nu30_a_client_is_made_once_off_the_loop_and_closed_with_the_runtime(make_runtime):
    made, log = [], []

    def make():
        made.append(threading.current_thread().name)
        return Client(log, ["a"] * 20)

    runtime = make_runtime(quiet, client_factories={"scripted": make})
    gather(*[runtime.get_ctx().invoke(quiet, {}) for _ in range(20)])
    assert len(made) == 1
    assert "netflux-loop" not in made
    assert log == []
    runtime.close()
    assert log == ["closed"]


def test_a_model_that_was_given_is_not_closed(make_runtime):
    log = []
    runtime = make_runtime(quiet, models={"scripted": Client(log, ["a"])})
    assert runtime.get_ctx().invoke(quiet, {}).result() == "a"
    runtime.close()
    assert log == []


def test_n205_a_client_whose_connection_failed_is_made_again(make_runtime):
    made, log = [], []
    torn = Turn(error=ModelError("reset", retryable=True, is_broken=True))

    def make():
        made.append(1)
        return Client(log, [torn] if len(made) == 1 else ["a"])

    clock = FakeClock()
    runtime = make_runtime(
        quiet, client_factories={"scripted": make}, clock=clock, sleep=clock.sleep
    )
    assert runtime.get_ctx().invoke(quiet, {}).result() == "a"
    assert len(made) == 2
    assert log == ["closed"]


def test_a_factory_that_fails_fails_its_agents_and_is_tried_again(make_runtime):
    made = []

    def make():
        made.append(1)
        if len(made) == 1:
            raise OSError("no network")
        return ScriptedModel(["a"])

    runtime = make_runtime(quiet, client_factories={"scripted": make})
    failed = runtime.get_ctx().invoke(quiet, {})
    failed.wait()
    assert "no network" in str(failed.exception)
    assert runtime.get_ctx().invoke(quiet, {}).result() == "a"


def test_model_settings_and_names_come_from_call_agent_and_runtime(make_runtime):
    seen = []

    def answer(request):
        seen.append((request.provider, request.model, dict(request.settings)))
        return "a"

    plain = agent("plain()", "x", settings={"effort": "high"})
    named = agent("named()", "x", model="scripted:big")
    runtime = make_runtime(
        plain,
        named,
        models={"scripted": ScriptedModel(answer), "other": ScriptedModel(answer)},
        model="scripted:small",
        settings={"effort": "low", "max_tokens": 5},
    )
    ctx = runtime.get_ctx()
    ctx.invoke(plain, {}).result()
    ctx.invoke(named, {}).result()
    ctx.invoke(named, {}, provider="scripted").result()
    ctx.invoke(named, {}, provider="other:x").result()
    assert [s[:2] for s in seen] == [
        ("scripted", "small"), ("scripted", "big"), ("scripted", "big"), ("other", "x"),
    ]  # fmt: skip
    assert seen[0][2] == {"effort": "high", "max_tokens": 5}


def test_a_provider_registered_in_a_cell_answers(make_runtime):
    class Echo:
        async def reply(self, request, emit):
            return ModelReply(parts=(ModelTextPart(request.parts[0].text),))

    register_model("echo", lambda client: Echo())
    shout = agent("shout(text: str)", "{text}!", model="echo")
    runtime = make_runtime(shout)
    assert runtime.get_ctx().invoke(shout, {"text": "hi"}).result() == "hi!"


def test_what_every_request_used_is_kept(make_runtime):
    clock = FakeClock()
    model = ScriptedModel([flaky(), "a"])
    runtime = make_runtime(quiet, models={"scripted": model}, clock=clock, sleep=clock.sleep)
    node = runtime.get_ctx().invoke(quiet, {})
    node.result()
    failed, well = node.view().requests
    assert (failed.stop, failed.error, failed.usage.total) == ("error", "ModelError: Overloaded", 0)
    assert (well.stop, well.model, well.usage) == ("end", "scripted", node.view().usage)


def test_a_client_made_for_somebody_who_left_is_there_for_the_next_and_closed():
    go, log = threading.Event(), []

    def make():
        go.wait(60)
        return Client(log, ["a"])

    async def main():
        clock = FakeClock(0.0)
        lane = Lane(Limit(), make, None, clock, clock.sleep)
        waiting = asyncio.ensure_future(lane.ready())
        await asyncio.sleep(0)
        waiting.cancel()
        go.set()
        while lane.sit() is None:
            await asyncio.sleep(0)
        await lane.close()

    asyncio.run(asyncio.wait_for(main(), 10))
    assert log == ["closed"]


def test_nobody_sits_down_on_a_client_that_is_closed():
    clock, closed = FakeClock(0.0), []

    class Fragile(Counting):
        async def close(self):
            closed.append(self)

    async def main():
        lane = Lane(Limit(), Fragile, None, clock, clock.sleep)
        await lane.ready()
        first, second = lane.sit(), lane.sit()
        lane.rise(first, is_broken=True)
        assert lane.sit() is None
        await asyncio.sleep(0)
        assert closed == []
        lane.rise(second)
        await asyncio.sleep(0)
        assert closed == [first.model]
        await lane.ready()
        assert lane.sit().model is not first.model

    asyncio.run(main())


def test_a_client_that_fails_or_hangs_at_its_close_harms_nobody(make_runtime):
    made = []

    class Bad(Client):
        async def close(self):
            if len(made) == 1:
                raise RuntimeError("already closed")
            await asyncio.sleep(60)

    torn = Turn(error=ModelError("reset", retryable=True, is_broken=True))

    def make():
        made.append(1)
        return Bad([], [torn] if len(made) < 3 else ["a"])

    clock = FakeClock()
    runtime = make_runtime(
        quiet, client_factories={"scripted": make}, clock=clock, sleep=clock.sleep
    )
    assert runtime.get_ctx().invoke(quiet, {}).result(timeout=60) == "a"
    assert len(made) == 3


def test_a_turn_that_is_given_up_goes_to_the_next():
    async def main():
        lane = lane_of(Limit(concurrency=1), FakeClock(0.0))
        first, second, third = lane.ask_turn(), lane.ask_turn(), lane.ask_turn()
        lane.give_up(second)  # still queued
        lane.give_up(first)  # granted just now
        assert third.done()
        assert lane.in_flight == 1
        lane.give_up(third)
        assert lane.in_flight == 0
        assert lane.ask_turn().done()

    asyncio.run(main())


def test_a_lane_with_nobody_waiting_may_back_off():
    async def main():
        clock = FakeClock(0.0)
        lane = lane_of(Limit(concurrency=1), clock)
        lane.back_off(5)
        turn = lane.ask_turn()
        assert not turn.done()
        await asyncio.wait_for(turn, 10)
        assert clock.now >= 5

    asyncio.run(main())


class Restless:
    """Answers, fails, breaks or drags on, each after some turns of the loop."""

    def __init__(self, random):
        self.random, self.users, self.is_closed = random, 0, False

    async def reply(self, request, emit):
        assert not self.is_closed
        self.users += 1
        try:
            for _ in range(self.random.randrange(6)):
                await asyncio.sleep(0)
            kind = self.random.randrange(5)
            if kind == 0:
                raise ModelError("reset", retryable=True, is_broken=True)
            if kind == 1:
                raise ModelError("busy", retryable=True, is_limit=True)
            if kind == 2:
                raise ModelError("no")
            return SAID
        finally:
            self.users -= 1

    async def close(self):
        assert not self.users
        self.is_closed = True


@pytest.mark.parametrize("turn", range(6))
def test_nothing_leaks_whatever_is_cancelled_and_whatever_breaks(make_runtime, turn, chance):
    dice, made = chance, []

    def make():
        if dice.random() < 0.2:
            raise OSError("no network")
        made.append(Restless(dice))
        return made[-1]

    clock = FakeClock()
    runtime = make_runtime(
        quiet,
        client_factories={"scripted": make},
        limits={"scripted": Limit(concurrency=3, requests_per_minute=6000)},
        clock=clock,
        sleep=clock.sleep,
    )
    nodes = []
    for _ in range(40):
        nodes.append(runtime.get_ctx().invoke(quiet, {}))
        if dice.random() < 0.6:
            dice.choice(nodes).cancel()
    for node in nodes:
        node.wait(timeout=20)
    lane = runtime.lane("scripted")
    for _ in range(1000):
        settled = threading.Event()
        runtime.loop.call(settled.set)
        settled.wait(60)
        if lane.in_flight == 0:
            break
    assert lane.in_flight == 0
    runtime.close()
    assert all(one.is_closed for one in made)
