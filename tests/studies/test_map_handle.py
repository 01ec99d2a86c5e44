"""A Function over rows: one run, a table, served again, priced before."""

from dataclasses import dataclass

import pandas as pd
import pydantic
import pytest

from netflux_nb import (
    BudgetError,
    FunctionError,
    NoNodeError,
    TokenUsage,
    agent,
    function,
    runs,
    session,
)
from netflux_nb.core import bill
from netflux_nb.core.messages import ModelReply, ModelTextPart
from netflux_nb.runtime.front import Script
from netflux_nb.studies.map_handle import Mapped, map_table


class Fact(pydantic.BaseModel):
    who: str
    year: int


@dataclass
class Point:
    x: int
    y: int


class Reader:
    """A model that answers with a fact, and counts what it was asked."""

    def __init__(self, price=0.0):
        self.asked = []

    async def reply(self, request, emit):
        text = request.parts[0].text
        self.asked.append((request.model, text))
        usage = TokenUsage(input_tokens_total=50, input_tokens_regular=50, output_tokens_total=50)
        words = (
            f'{{"who": "{text}", "year": {len(text)}}}' if request.result_schema else f"<{text}>"
        )
        return ModelReply(parts=(ModelTextPart(words),), usage=usage, model=request.model)


class Prices:
    """A cent a hundred tokens for whoever is no script of the other tests."""

    source = "ours"

    def __init__(self, usd=0.0):
        self.usd = usd

    def __call__(self, provider, model, usage, time):
        return None if model == "odd" else usage.total * self.usd


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("NETFLUX_HOME", str(tmp_path / "store"))
    with bill.prices.filled(Prices()):
        yield tmp_path / "store"
    for runtime in session.runtimes():
        runtime.close()
    session.close_records()


@pytest.fixture
def reader(store):
    made = Reader()
    session.use(scripted=made)
    return made


@pytest.fixture
def told():
    said = []

    class Front(Script):
        def tell(self, text):
            said.append(text)

    session.here.front = Front()
    return said


@function
def half(n: int) -> int:
    if n % 2:
        raise ValueError(f"{n} is odd")
    return n // 2


@function
def point(x: int) -> Point:
    return Point(x, x * x)


extract = agent("extract(text: str) -> str", "{text}", model="scripted")


def test_a_map_gives_a_row_a_call_with_index_and_inputs(store):
    frame = pd.DataFrame({"n": [4, 5, 6], "note": list("abc")}, index=["x", "y", "z"])

    mapped = half.map(frame)

    df = mapped.df
    assert list(df.columns) == ["n", "note", "result", "state", "error", "cost_usd"]
    assert list(df.index) == ["x", "y", "z"]
    assert df["result"].tolist()[::2] == [2, 3]
    assert pd.isna(df["result"]["y"])
    assert df["state"].tolist() == ["Success", "Error", "Success"]
    assert df["error"]["y"] == "ValueError: 5 is odd"
    assert str(df["result"].dtype) == "Int64"
    assert df["cost_usd"].tolist() == [0.0, 0.0, 0.0]
    assert list(mapped) == [2, None, 3]
    assert len(mapped.failed) == 1
    assert repr(mapped) == "<half.map: 3 of 3 done, 1 failed, $0.00>"


def test_a_persons_numbers_are_shown_as_they_are_and_money_as_money(reader):
    frame = pd.DataFrame({"text": ["a"], "year": [2019]})
    text = str(map_table(extract.map(frame)))
    assert "2019" in text
    assert "2,019" not in text
    assert text.splitlines()[2].endswith("$0.00")


def test_a_map_is_one_run(store):
    mapped = half.map([2, 4])

    assert mapped.run.fn == "half_map"
    assert mapped.run.state.value == "Success"
    assert [child.fn.name for child in mapped.run.view().children] == ["half", "half"]
    assert len(runs) == 1


def test_a_row_that_cannot_be_called_fails_alone(store):
    df = half.map([{"n": 2}, {"n": "two"}, {"n": 4}]).df

    assert df["state"].tolist() == ["Success", "Error", "Success"]
    assert "expects int, got str" in df["error"][1]


def test_fields_of_an_object_are_columns(store):
    df = point.map([{"x": 2, "y": "kept"}, {"x": 3, "y": "too"}]).df

    assert df["x"].tolist() == [2, 3]
    assert df["y"].tolist() == ["kept", "too"]
    assert df["x_result"].tolist() == [2, 3]
    assert df["y_result"].tolist() == [4, 9]


def test_every_row_is_given_to_every_model(reader):
    df = extract.map(["a", "b"], models=["scripted:m1", "scripted:m2"]).df

    assert df["model"].tolist() == ["scripted:m1", "scripted:m2"] * 2
    assert df["text"].tolist() == ["a", "a", "b", "b"]
    assert sorted(reader.asked) == [("m1", "a"), ("m1", "b"), ("m2", "a"), ("m2", "b")]


def test_p16_running_it_again_pays_only_for_what_is_missing(reader):
    extract.map(["a", "b"])
    reader.asked.clear()

    mapped = extract.map(["a", "c", "b"])

    assert [text for _, text in reader.asked] == ["c"]
    assert list(mapped) == ["<a>", "<c>", "<b>"]
    assert "2 served" in repr(mapped)


def test_an_older_map_serves_too(reader):
    extract.map(["a", "b", "c"])
    extract.map(["a"])
    reader.asked.clear()

    extract.map(["a", "b", "c"])

    assert reader.asked == []


def test_another_model_or_prompt_is_live(reader):
    extract.map(["a"], models=["scripted:m1"])
    reader.asked.clear()

    extract.map(["a"], models=["scripted:m2"])
    other = agent("extract(text: str) -> str", "Now: {text}", model="scripted")
    other.map(["a"])

    assert [text for _, text in reader.asked] == ["a", "Now: a"]


def test_fresh_is_served_nothing(reader):
    extract.map(["a"])
    reader.asked.clear()

    extract.map(["a"], fresh=True)

    assert len(reader.asked) == 1


def test_objects_are_served_as_objects(reader):
    find = agent("find(text: str) -> Fact", "{text}", model="scripted", types={"Fact": Fact})
    first = find.map(["ada", "bob"])
    reader.asked.clear()

    again = find.map(["ada", "bob"])

    assert reader.asked == []
    assert list(again) == list(first) == [Fact(who="ada", year=3), Fact(who="bob", year=3)]
    assert again.df[["who", "year"]].to_dict("list") == {"who": ["ada", "bob"], "year": [3, 3]}


def test_what_failed_is_tried_again(reader):
    class Broken(Reader):
        async def reply(self, request, emit):
            if request.parts[0].text == "b":
                raise RuntimeError("down")
            return await super().reply(request, emit)

    session.use(scripted=Broken())
    assert extract.map(["a", "b"]).df["state"].tolist() == ["Success", "Error"]
    session.use(scripted=reader)

    df = extract.map(["a", "b"]).df

    assert df["state"].tolist() == ["Success", "Success"]
    assert [text for _, text in reader.asked] == ["b"]


def test_a_rerun_of_a_map_tries_again_what_failed_and_pays_for_nothing_else(reader):
    class Broken(Reader):
        async def reply(self, request, emit):
            if request.parts[0].text == "b":
                raise RuntimeError("down")
            return await super().reply(request, emit)

    retold = agent("retold(text: str) -> str", "{text}", model="scripted")
    session.use(scripted=Broken())
    run = retold.map(["a", "b"]).run
    session.use(scripted=reader)

    again = run.rerun().wait()

    assert [text for _, text in reader.asked] == ["b"]
    assert again.result() == {"calls": 2, "failed": 0}
    assert again.served.nodes == 1


def test_a_map_in_the_background_is_watched_cancelled_and_gone_on_with(store):
    @function
    def slow(ctx, n: int) -> int:
        if n > 1 and not goes.is_set():
            ctx.cancel_event.wait(20)
            ctx.check()
        return n

    import threading

    goes = threading.Event()
    mapped = slow.map([1, 2, 3], wait=False)
    run = mapped.run
    view = run.watch(timeout=60)
    while len(view.children) < 3 or not view.children[0].is_done:
        view = run.watch(view.update_seqnum, timeout=60)
    assert not mapped.is_done
    assert repr(mapped).startswith("<slow.map: 1 of 3 done")
    run.cancel()
    run.wait()
    goes.set()

    assert mapped.df["state"].tolist() == ["Success", "Canceled", "Canceled"]
    assert run.resume().wait().state.value == "Success"


def test_a_map_is_found_by_name_and_is_of_the_newest_function(reader):
    first = agent("lone(text: str) -> str", "{text}", model="scripted")
    run = first.map(["a"]).run
    first.root_of_maps = None
    assert runs[run.id].replay().is_same

    newer = agent("lone(text: str) -> str", "Now: {text}", model="scripted")
    reader.asked.clear()
    again = runs[run.id].rerun().wait()

    assert again.root.fn.of is newer
    assert reader.asked == [(None, "Now: a")]


async def _awaited(mapped):
    return list(await mapped)


def test_a_map_is_awaited(store):
    import asyncio

    assert asyncio.run(_awaited(half.map([2, 4], wait=False))) == [1, 2]


@function(uses=[half])
def study(n: int) -> list[int]:
    return list(half.map([2 * k for k in range(n)], at_once=2))


@function(uses=[half])
async def study_async(n: int) -> list[int]:
    return list(await half.map([2 * k for k in range(n)]))


@pytest.mark.parametrize("fn", [study, study_async])
def test_a_map_in_a_body_makes_children(store, fn):
    run = fn.start(5)

    assert run.result() == [0, 1, 2, 3, 4]
    assert [child.fn.name for child in run.view().children] == ["half"] * 5


def test_a_map_in_a_body_is_no_run_of_its_own(store):
    @function(uses=[half])
    def asks() -> str:
        try:
            return half.map([2]).run.id
        except NoNodeError as error:
            return str(error)

    assert "its calls are of that body's run" in asks()


WRONG = {
    "models of code": (lambda: half.map([2], models=["scripted"]), "is code and asks no model"),
    "a model twice": (
        lambda: extract.map(["a"], models=["scripted"] * 2),
        "names 'scripted' twice",
    ),
    "at_once": (lambda: half.map([2], at_once=0), "number of calls from 1; got 0"),
}


@pytest.mark.parametrize(("do", "says"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_refused_before_anything_runs(reader, do, says):
    with pytest.raises((ValueError, FunctionError), match=says):
        do()
    assert len(runs) == 0


def test_an_empty_map_is_empty(store):
    mapped = half.map([])
    assert len(mapped) == 0
    assert list(mapped.df.columns) == ["result", "state", "error", "cost_usd"]


def test_what_is_shown_is_bounded_and_escaped(store):
    @function
    def echo(text: str) -> str:
        return text

    evil = "<script>alert(1)</script>\u202e" + "x" * 10_000
    mapped = echo.map([evil] * 200)

    assert isinstance(mapped, Mapped)
    page = mapped._repr_mimebundle_()["text/html"]
    assert len(page) < 30_000
    assert "<script" not in page
    assert "\u202e" not in page
    assert len(repr(mapped)) < 200


# Money.


@pytest.fixture
def paid(store):
    """A reader whose words cost a cent a hundred tokens, and a cap."""
    made = Reader()
    session.use(mine=made, scripted=made)
    session.configure(cap_usd=1.0, cap_setting="%config NetfluxNB.cap_usd")
    with bill.prices.filled(Prices(1 / 10_000)):
        yield made


cheap = agent("cheap(text: str) -> str", "{text}", model="mine", settings={"max_tokens": 100})


def test_p6_the_range_is_told_before_anything_is_paid(paid, told):
    mapped = cheap.map(["a", "b", "c"])

    assert told == [
        "cheap.map: 3 calls; $0.0060 to $0.0300 (estimated from tokens); $1.00 left today"
    ]
    assert mapped.df["cost_usd"].tolist() == pytest.approx([0.01] * 3)


def test_p6_the_range_is_from_history_where_there_is_one(paid, told):
    cheap.map(["a", "b", "c"])

    cheap.map(["a", "b", "c", "d"])

    assert told[1].startswith(
        "cheap.map: 1 calls; 3 more served from the record, $0; "
        "$0.0100 to $0.0100 (from 3 recorded calls); $0.97 left today"
    )


@pytest.mark.parametrize("before", [0, 3], ids=["by tokens", "by what such calls have cost"])
@pytest.mark.parametrize("own", [{"max_tokens": 100}, {}], ids=["bounded", "as long as it likes"])
def test_a_preview_and_a_map_tell_the_same_cost(paid, told, before, own):
    session.configure(cap_usd=100.0)
    asks = agent("asks(text: str) -> str", "{text}", model="mine", settings=own, uses=[half])
    for n in range(before):
        asks(f"earlier {n}")
    seen = asks.preview(text="a")

    asks.map(["a"])

    assert f"asks.map: 1 calls; {seen.cost}; " in told[-1]
    assert str(seen.cost) in repr(seen)
    assert ("recorded calls" in str(seen.cost)) == bool(before)
    assert ("no `max_tokens` bounds" in str(seen.cost)) == (not own and not before)


def test_p6_a_map_above_the_cap_is_refused_and_nothing_is_begun(paid, told):
    with pytest.raises(BudgetError, match=r"Nothing was begun.*NetfluxNB\.cap_usd") as caught:
        cheap.map([f"text {n}" for n in range(1000)])

    assert "of this notebook's $1.00 for today are left" in str(caught.value)
    assert paid.asked == []
    assert len(runs) == 0


def test_an_unknown_price_is_named_and_lets_through(paid, told):
    assert list(cheap.map(["a"], models=["mine:odd"])) == ["<a>"]
    assert "cost not known before (no price for mine:odd)" in told[0]


def test_example_prices_are_said_to_be_examples_and_count_toward_no_cap(paid, told):
    texts = [f"text {n}" for n in range(600)]

    assert len(cheap.map(texts, models=["scripted"])) == 600

    assert told[0].endswith("(estimated from tokens); example prices, nothing is paid")
    assert session.spent().paid.usd == 0
    assert "$6.00 (example prices)" in str(runs.last.tree())


def test_what_is_free_is_not_spoken_of(reader, told):
    extract.map(["a"])
    half.map([2])
    assert told == []


def test_a_recording_serves_a_map(reader, tmp_path):
    from netflux_nb import serve

    bundle = extract.map(["a", "b"]).run.export(tmp_path / "m.nfrun")
    reader.asked.clear()
    with serve(bundle):
        assert list(extract.map(["a", "b"])) == ["<a>", "<b>"]
    assert reader.asked == []
