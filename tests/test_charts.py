"""Charts over the runs of a record: by day, Function, model (row Q41)."""

import re
from datetime import date, timedelta
from itertools import count

import pandas as pd
import pytest
from show.hostile import checked

import netflux_nb
from netflux_nb import ArgumentError, Runtime, agent, function, runs, session
from netflux_nb.core.messages import TokenUsage
from netflux_nb.run import trend_chart
from netflux_nb.run.trend_chart import MOST_BARS, MOST_DAYS, Chart, Found
from netflux_nb.show.parts.charts import Series
from netflux_nb.testing import ScriptedModel, Turn, broken

USED = TokenUsage(
    input_tokens_regular=700,
    input_tokens_cache_read=300,
    input_tokens_total=1_000,
    output_tokens_total=200,
)
DAY_S = 86_400
# 2026-11-30, at noon.
NOON = 1_796_040_000.0

say = agent("say(what: str)", "Say {what}", model="scripted:example-large")
shout = agent("shout(what: str)", "Shout {what}", model="scripted:example-small")


@function
def breaks(kind: str) -> None:
    """Fail."""
    raise {"value": ValueError, "key": KeyError}[kind]("no")


@function(uses=[breaks])
def above(kind: str) -> None:
    """Fail by another."""
    breaks(kind=kind)


def answer(request):
    text = request.parts[0].text
    return broken() if "bad" in text else Turn(text="well", usage=USED)


@pytest.fixture
def on(tmp_path, monkeypatch):
    """Give what runs calls some days ago, each reading of the clock a bit later than the one before."""
    monkeypatch.setenv("NETFLUX_HOME", str(tmp_path / "store"))

    def at(days_ago, *calls):
        ticks = count()
        clock = lambda: NOON - days_ago * DAY_S + next(ticks) ** 1.5 / 10  # noqa: E731
        models = {"scripted": ScriptedModel(answer)}
        with Runtime(is_open=True, models=models, clock=clock) as runtime:
            netflux_nb.use(runtime)
            for fn, given in calls:
                fn.start(given).wait(20)
        session.close_records()

    yield at
    session.close_records()


def test_q41_a_chart_of_money_by_day_has_a_column_each_day_and_the_numbers_below(on):
    on(3, (say, "a"))
    on(0, (say, "a"), (say, "b"))

    shown = runs.all.chart()

    assert isinstance(shown, Chart)
    head, *_, legend = str(shown).splitlines()
    assert re.fullmatch(
        r"Cost by day: all runs, \$[\d.]+ in all, 2026-11-27 to 2026-11-30", head
    ), head
    rows = [row for row in str(shown).splitlines() if " Nov" in row]
    assert [row.split("  ")[0] for row in rows] == ["27 Nov", "28 Nov", "29 Nov", "30 Nov"]
    assert rows[3].count("█") == 2 * rows[0].count("█") == trend_chart.charts.BAR_CHARS
    assert legend == rows[3]
    html = checked(shown.html, most=30_000)
    assert shown.html.count("background:#3b82f6") == 2
    assert {"27 Nov", "30 Nov", "numbers"} <= set(html.words)
    frame = shown.df
    assert list(frame.columns) == ["day", "cost"]
    assert frame["day"].tolist() == [pd.Timestamp("2026-11-27"), pd.Timestamp("2026-11-30")]
    assert frame["cost"][1] == pytest.approx(2 * frame["cost"][0])


def test_q41_a_chart_sums_up_what_the_runs_cost(on):
    on(0, (say, "a"), (shout, "b"))

    whole = sum(run.bill().known_usd for run in runs.all)

    for by in ("day", "fn", "model"):
        assert runs.all.chart(by).df["cost"].sum() == pytest.approx(whole)


def test_q41_a_chart_of_tokens_by_model_has_a_bar_each_by_kind(on):
    on(0, (say, "a"), (say, "b"), (shout, "c"))

    shown = runs.all.chart(by="model", of="tokens")

    rows = [row.split() for row in str(shown).splitlines() if row.startswith("scripted")]
    assert [(row[0], *row[2:]) for row in rows] == [
        ("scripted:example-large", "1,400", "600", "0", "400"),
        ("scripted:example-small", "700", "300", "0", "200"),
    ]
    assert shown.df.columns.tolist() == ["model", "fresh_in", "from_cache", "into_cache", "out"]
    checked(shown.html, most=30_000)


def test_q41_a_chart_of_latency_has_the_median_and_the_slowest_of_requests(on):
    on(1, *[(say, f"{n}") for n in range(4)])
    on(0, (say, "a"))

    shown = runs.all.chart(of="latency")

    asked = runs.last.sql("SELECT seconds, time::DATE AS day FROM calls").groupby("day").seconds
    assert shown.df["requests"].tolist() == [4, 1]
    assert shown.df["p50"].tolist() == pytest.approx(asked.quantile(0.5).tolist())
    assert shown.df["p95"].tolist() == pytest.approx(asked.quantile(0.95).tolist())
    assert shown.df["p95"][0] > shown.df["p50"][0]
    html = shown.html
    assert "linear-gradient" in html or "height:2px" in html
    checked(html, most=30_000)


def test_q41_a_chart_of_errors_counts_each_failure_once_where_it_began(on):
    on(0, (above, "value"), (above, "key"), (breaks, "key"), (say, "bad"))

    by_fn = runs.all.chart(by="fn", of="errors")
    by_model = runs.all.chart(by="model", of="errors")

    told = {tuple(row) for row in by_fn.df.itertuples(index=False)}
    assert told == {
        ("breaks", "KeyError", 2),
        ("breaks", "ValueError", 1),
        ("say", "ModelProviderException", 1),
    }
    assert "Errors by Function: all runs, 4 in all" in str(by_fn)
    assert by_model.df["model"].tolist() == ["scripted:example-large"]
    assert by_model.df["count"].sum() == 1
    checked(by_fn.html, most=30_000)


@pytest.mark.parametrize("of", trend_chart.OFS)
@pytest.mark.parametrize("by", trend_chart.BYS)
def test_q41_an_empty_chart_says_what_to_do(on, by, of):
    shown = runs.all.chart(by, of)

    assert len(str(shown).splitlines()) == 1
    wanted = "nothing failed in all runs" if of == "errors" else "Call an agent, then ask again"
    assert wanted in str(shown)
    assert wanted in checked(shown.html).text
    assert len(shown.df) == 0
    assert by in shown.df.columns


@pytest.mark.parametrize("of", trend_chart.OFS)
@pytest.mark.parametrize("by", trend_chart.BYS)
def test_q41_a_chart_of_one_run_is_drawn(on, by, of):
    on(0, (say, "a"), (say, "bad"))

    shown = runs.all.chart(by, of)

    checked(shown.html, most=30_000)
    assert len(shown.df) == 1


def test_q41_a_chart_of_a_notebook_is_of_its_runs_alone(on):
    on(0, (say, "a"))

    session.here.place = lambda: {"notebook": "/x/two.ipynb"}

    assert "in runs of two.ipynb yet" in str(runs.chart())
    assert len(runs.all.chart().df) == 1


def test_q41_a_chart_by_or_of_what_there_is_not_is_refused(on):
    with pytest.raises(ArgumentError, match="by= is one of day, fn, model; got 'week'"):
        runs.all.chart("week")
    with pytest.raises(ArgumentError, match="of= is one of cost, tokens, latency, errors; got 'x'"):
        runs.all.chart(of="x")


def found(by, of, keys, *, classes=1, value=1.5):
    series = tuple(Series(f"s{n}", "#8a8a8a", "█") for n in range(classes))
    return Found(of=of, by=by, series=series, rows=dict.fromkeys(keys, (value,) * classes))


def test_q41_a_chart_of_many_days_has_the_newest_and_counts_the_rest():
    days = [(date(2026, 11, 30) - timedelta(n)).isoformat() for n in range(400)]

    for of, classes in (("tokens", 4), ("latency", 2), ("errors", 4)):
        shown = Chart(found("day", of, days, classes=classes, value=123_456.0), "all runs")
        rows = [row for row in str(shown).splitlines() if re.match(r"\d+ [A-Z][a-z]{2} ", row)]
        assert len(rows) == MOST_DAYS
        assert f"… {400 - MOST_DAYS} more earlier days, in `.df`." in str(shown)
        page = checked(shown.html, most=30_000)
        assert "30 Nov" in page.words  # below the chart
        assert "30 Nov  " in page.text.split("numbers")[1]
        assert len(shown.found.rows) == 400


def test_q41_a_chart_of_many_bars_has_the_longest_and_counts_the_rest():
    shown = Chart(found("fn", "tokens", [f"f{n:04}" for n in range(1_000)]), "all runs")

    assert sum(row.startswith("f0") for row in str(shown).splitlines()) == MOST_BARS
    assert "… 980 more Functions, in `.df`." in str(shown)
    checked(shown.html, most=30_000)


def test_q41_a_chart_of_a_day_that_is_none_leaves_it_out():
    assert not trend_chart._is_key("day", "294247-01-10")
    assert trend_chart._is_key("day", "2026-11-30")


@pytest.mark.parametrize("of", trend_chart.OFS)
def test_q41_a_chart_is_the_same_on_other_days_where_it_is_to_be_stable(on, of):
    session.here.is_stable = True
    said = []
    on(9, (say, "a"), (say, "bad"))
    said.append((str(runs.all.chart(of=of)), runs.all.chart(of=of).html))
    runs.all.delete(*[run.id for run in runs.all])
    on(1, (say, "a"))
    on(0, (say, "bad"))
    said.append((str(runs.all.chart(of=of)), runs.all.chart(of=of).html))

    assert said[0] == said[1]
    assert "‹time›" in said[0][0]


@pytest.mark.parametrize("of", trend_chart.OFS)
@pytest.mark.parametrize("by", trend_chart.BYS)
def test_q41_a_chart_is_a_figure_too(on, by, of):
    pytest.importorskip("matplotlib")
    on(2, (say, "a"), (say, "bad"))
    on(0, (shout, "a"), (shout, "bad"))

    figure = runs.all.chart(by, of).figure()

    assert figure._repr_png_().startswith(b"\x89PNG")
    assert figure.axes[0].get_title(loc="left").lower().startswith(of)
