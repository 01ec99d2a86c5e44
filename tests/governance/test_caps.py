"""What a notebook may spend in a day: counted, reserved, named, and refused."""

import asyncio
import threading
from contextlib import ExitStack

import pytest

from netflux_nb import AgentNode, BudgetError, Runtime, TokenUsage, agent, session
from netflux_nb.core.messages import ModelReply, ModelRequest, ModelTextPart, Spent
from netflux_nb.core.policy import Replied
from netflux_nb.governance.caps import Cap, Day, Paid
from netflux_nb.providers import register_driver

ask = agent("ask(text: str)", "{text}", model="scripted")
DAY = 86_400.0


def cents(provider, model, usage):
    """One cent a hundred tokens."""
    return usage.total / 10_000


class Spender:
    """A model that uses a hundred tokens a request."""

    def __init__(self, model="m"):
        self.asked = 0
        self.model = model

    async def reply(self, request, emit):
        self.asked += 1
        usage = TokenUsage(input_tokens_total=50, input_tokens_regular=50, output_tokens_total=50)
        return ModelReply(parts=(ModelTextPart("said"),), usage=usage, model=self.model)


class Time:
    def __init__(self):
        self.now = DAY * 10 + 100

    def __call__(self):
        return self.now


def day_of(now):
    start = now // DAY * DAY
    return Day(start, start + DAY)


def spending(cap, model=None, clock=None):
    settings = {"max_tokens": 100}
    return Runtime(
        [ask],
        models={"scripted": model or Spender()},
        policies=[cap],
        settings=settings,
        clock=clock,
    )


def call(runtime, text="x"):
    return runtime.get_ctx().invoke(ask, {"text": text})


def test_what_was_spent_is_counted_and_the_next_call_refused():
    cap = Cap(0.025, price=cents, setting="%config NetfluxNB.cap_usd")
    with spending(cap, model := Spender()) as runtime:
        call(runtime, "a").result(60)
        call(runtime, "b").result(60)

        with pytest.raises(
            BudgetError, match=r"\$0\.0200 of this notebook's \$0\.03.*NetfluxNB\.cap_usd"
        ) as caught:
            call(runtime, "c").result(60)

    assert model.asked == 2
    assert "ask() is taken to cost" in str(caught.value)
    assert cap.standing(0.0).paid == Paid(0.02, 2)


def test_without_a_cap_all_goes_and_is_counted():
    cap = Cap(None, price=cents)
    with spending(cap) as runtime:
        for text in "abc":
            call(runtime, text).result(60)

    standing = cap.standing(0.0)
    assert standing.paid.usd == pytest.approx(0.03)
    assert standing.left_usd is None


def test_what_was_spent_before_counts_and_is_read_once():
    reads = []

    def earlier(start):
        reads.append(start)
        return {"old": Paid(0.019, 3)}

    clock = Time()
    cap = Cap(0.03, price=cents, earlier=earlier, day=day_of)
    with spending(cap, clock=clock) as runtime:
        call(runtime, "a").result(60)
        with pytest.raises(BudgetError):
            call(runtime, "b").result(60)

    assert reads == [DAY * 10]


def test_a_new_day_begins_with_nothing_spent():
    clock = Time()
    cap = Cap(0.015, price=cents, day=day_of)
    with spending(cap, clock=clock) as runtime:
        call(runtime, "a").result(60)
        with pytest.raises(BudgetError):
            call(runtime, "b").result(60)
        clock.now += DAY

        assert call(runtime, "c").result(60) == "said"


def test_a_fan_out_cannot_overspend():
    cap = Cap(0.055, price=cents)
    with spending(cap, model := Spender()) as runtime:
        nodes = [call(runtime, str(n)) for n in range(20)]
        for node in nodes:
            node.wait(60)

    assert model.asked == 5
    assert sum(node.exception is None for node in nodes) == 5
    assert all(node.exception is None or isinstance(node.exception, BudgetError) for node in nodes)


def test_an_unknown_price_goes_through_and_is_named():
    cap = Cap(0.001, price=lambda provider, model, usage: None)
    with spending(cap) as runtime:
        assert call(runtime).result(60) == "said"

    paid = cap.standing(0.0).paid
    assert paid == Paid(0.0, 1, ("scripted:m",))
    assert "price unknown: scripted:m" in str(cap.standing(0.0))


def test_a_model_that_calls_itself_otherwise_is_priced_as_it_was_asked_for():
    def price(provider, model, usage):
        return None if model == "m-20261121" else usage.total / 10_000

    cap = Cap(1.0, price=price)
    named = agent("named(text: str)", "{text}", model="scripted:m")
    with spending(cap, Spender("m-20261121")) as runtime:
        runtime.register(named)
        runtime.get_ctx().invoke(named, {"text": "x"}).result(60)

    assert cap.standing(0.0).paid == Paid(0.01, 1)


def test_what_a_record_served_costs_nothing():
    cap = Cap(1.0, price=cents)
    usage = TokenUsage(input_tokens_total=50, input_tokens_regular=50, output_tokens_total=50)
    with spending(cap) as runtime:
        node = call(runtime)
        node.result(60)
        request = ModelRequest(provider="scripted", model="m", system="", parts=())
        cap(Replied(node, request, None, Spent("scripted", "m", usage, served=True)))
        assert cap.standing(0.0).paid == Paid(0.01, 1)
        cap(Replied(node, request, None, Spent("scripted", "m", usage)))
        assert cap.standing(0.0).paid == Paid(0.02, 2)


def test_calls_that_begin_at_once_read_the_record_once():
    reads, begun = [], threading.Event()

    def earlier(start):
        reads.append(start)
        assert begun.wait(60)
        return {}

    cap = Cap(1.0, price=cents, earlier=earlier)
    with spending(cap, model := Spender()) as runtime:
        nodes = [call(runtime, str(n)) for n in range(5)]
        for node in nodes:
            seen = 0
            while node.held is None:
                seen = node.watch(seen, timeout=60).update_seqnum
        begun.set()
        assert [node.result(60) for node in nodes] == ["said"] * 5

    assert (len(reads), model.asked) == (1, 5)


def test_a_record_that_cannot_be_read_stops_no_work(caplog):
    def earlier(start):
        raise OSError("gone")

    cap = Cap(1.0, price=cents, earlier=earlier)
    with spending(cap) as runtime:
        assert call(runtime).result(60) == "said"

    assert "could not be read" in caplog.text


def test_a_cancel_ends_the_wait_for_money():
    class Slow(Spender):
        async def reply(self, request, emit):
            await asyncio.Event().wait()

    def waits_for(node, kind):
        view = node.watch(timeout=60)
        while view.waiting_on is None or view.waiting_on.kind != kind:
            view = node.watch(view.update_seqnum, timeout=60)

    cap = Cap(0.015, price=cents)
    with spending(cap, Slow()) as runtime:
        first = call(runtime, "a")
        waits_for(first, "model")
        second = call(runtime, "b")
        waits_for(second, "budget")
        second.cancel()
        second.wait(60)
        first.cancel()
        first.wait(60)

    assert second.state.value == "Canceled"


def test_a_cap_is_an_amount():
    with pytest.raises(ValueError, match="from 0; got -1"):
        Cap(-1)


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A session of its own, with prices of ours."""
    monkeypatch.setenv("NETFLUX_HOME", str(tmp_path))

    with ExitStack() as processes:

        def begin(usd):
            here = processes.enter_context(session.here.fresh(price=cents))
            here.configure(cap_usd=usd, cap_setting="%config NetfluxNB.cap_usd")
            here.use(scripted=Spender())
            return here.cap

        yield begin
    session.close_records()


def test_p6_a_restart_does_not_reset_the_cap(fresh):
    fresh(0.3)
    assert ask("a") == "said"
    assert session.spent().paid.usd == pytest.approx(0.01)

    cap = fresh(0.3)

    assert session.spent().paid == Paid(0.01, 1)
    assert session.spent().left_usd == pytest.approx(0.29)
    cap.limit(0.1)  # less than a request is taken to cost: a thousand tokens
    with pytest.raises(BudgetError, match=r"\$0\.0100 of this notebook's"):
        ask("b")


class Metered(AgentNode):
    """A driver that asks by itself, and tells only how much it used."""

    @property
    def token_usage(self):
        return TokenUsage(input_tokens_total=50, input_tokens_regular=50, output_tokens_total=50)

    def run(self):
        self.ctx.post_running()
        self.ctx.post_transcript_update()
        self.ctx.post_success("said")


def test_a_driver_that_keeps_its_own_count_is_counted_and_in_the_end_refused(fresh):
    register_driver("metered", Metered)
    own = agent("own(text: str)", "{text}", model="metered")

    def begin(usd):
        fresh(usd)
        runtime = Runtime(
            is_open=True, client_factories={"metered": object}, policies=session.here.policies()
        )
        session.use(runtime)

    begin(0.02)
    assert [own("a"), own("b")] == ["said", "said"]
    assert session.spent().paid == Paid(0.02, 2)
    with pytest.raises(BudgetError, match=r"own\(\) does not say what it will cost"):
        own("c")
    begin(0.03)  # a restart: it is read from the record

    assert session.spent().paid == Paid(0.02, 2)
    assert own("c") == "said"
    with pytest.raises(BudgetError):
        own("d")


def test_an_agent_called_with_what_it_cannot_take_ends_as_any_other_call(fresh):
    fresh(5)

    mapped = ask.map(["one", 2])

    assert list(mapped) == ["said", None]
    assert "'text' expects str" in str(mapped.failed[0].exception)


def test_other_notebooks_are_not_counted(fresh, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "/a.ipynb")
    fresh(1.0)
    ask("a")
    monkeypatch.setenv("JPY_SESSION_NAME", "/b.ipynb")

    fresh(1.0)

    assert session.spent().paid == Paid()


def test_the_environment_caps_a_script(fresh, monkeypatch):
    monkeypatch.setenv("NETFLUX_CAP_USD", "0.0001")
    cap = fresh(None)
    with pytest.raises(BudgetError):
        ask("a")
    assert cap.usd == 0.0001


def test_a_cap_that_is_no_amount_is_named(monkeypatch):
    monkeypatch.setenv("NETFLUX_CAP_USD", "five")
    with pytest.raises(ValueError, match="NETFLUX_CAP_USD is 'five'"):
        session.default_runtime()


def test_a_day_is_the_local_one():
    day = session.day(1_700_000_000.0)
    assert day.start <= 1_700_000_000.0 < day.end
    assert 23 * 3600 <= day.end - day.start <= 25 * 3600
