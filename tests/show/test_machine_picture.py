"""A machine as a picture: all of it, where a run is, and nothing but text of what others wrote."""

import re

import pytest
from show.hostile import HOSTILE, checked

from netflux_nb import ArgumentError, function, runs, workflow
from netflux_nb.runtime.threads.waiting import questions
from netflux_nb.session import here
from netflux_nb.show.state_views.machine_picture import MOST_DRAWN, picture


@pytest.fixture(autouse=True)
def session(tmp_path):
    with here.fresh() as fresh:
        fresh.configure(store=str(tmp_path / "store"))
        yield fresh


@function
def tells(n: int = 1) -> int:
    return n


def day_of():
    return workflow(
        {
            "states": {
                "IDLE": {"on": {"CMD_GO": "WORK", "CMD_CLOSE": "CLOSED"}},
                "WORK": {"entry": tells, "on": {"EVT_SUCCESS": "IDLE", "EVT_FAIL": "CLOSED"}},
                "CLOSED": {},
            }
        },
        name="day",
    )


def boxes(html):
    """Give the frames of the states, by how thick they are."""
    return re.findall(r"border:(\d)px solid #", html)


def test_a_machine_is_drawn_whole():
    shown = day_of().picture()

    found = checked(shown.html)
    for words in ("IDLE", "CMD_GO → WORK", "runs tells", "EVT_FAIL → CLOSED", "3 states"):
        assert words in found.text
    assert boxes(shown.html) == ["1", "1", "1"]
    assert "CMD_GO → WORK, CMD_CLOSE → CLOSED" in str(shown)
    assert day_of()._repr_mimebundle_()["text/plain"] == str(shown)


def test_todays_state_is_lit_and_what_was_taken_is_told():
    day = day_of()
    run = day.start()
    for said in ("CMD_GO", None):
        asking = questions(run.root)
        node = next(asking)
        if said:
            node.answer(said)
        asking.close()

    shown = day.picture(run)

    assert boxes(shown.html) == ["3", "1", "1"]
    found = checked(shown.html).text
    assert "! waits here" in found
    assert "CMD_GO → WORK  ×1" in found
    assert "waits in IDLE · 2 steps" in found
    run.answer("CMD_CLOSE")
    run.wait()
    done = day.picture(runs.last)
    assert boxes(done.html) == ["1", "1", "3"]
    assert "● ended here" in checked(done.html).text
    steps = [row.split()[1:] for row in str(done).splitlines()[-4:]]
    assert steps == [
        ["IDLE", "CMD_GO", "WORK"],
        ["WORK", "tells", "success", "EVT_SUCCESS", "IDLE"],
        ["IDLE", "CMD_CLOSE", "CLOSED"],
        ["CLOSED", "(end)"],
    ]
    assert "Ended in CLOSED" in run.result()._repr_mimebundle_()["text/plain"]


def test_a_run_within_another_is_found_and_one_of_none_refused():
    day = day_of()

    @function(uses=[day])
    def week() -> str:
        return day(start="CLOSED").end

    week()
    assert "ended here" in str(day.picture(runs.last))
    tells()
    with pytest.raises(ArgumentError, match=r"of tells\(\), is none of day"):
        day.picture(runs.last)


def test_a_large_machine_is_a_table():
    many = MOST_DRAWN + 1
    states = {f"S{n}": {"on": {"GO": f"S{(n + 1) % many}"}} for n in range(many)}
    shown = workflow({"states": states}, name="many").picture()
    assert boxes(shown.html) == []
    assert "S30" in checked(shown.html).text
    states.pop("S30")
    states["S29"]["on"]["GO"] = "S0"
    drawn = workflow({"states": states}, name="many").picture()
    assert len(boxes(drawn.html)) == MOST_DRAWN
    huge = {f"S{n}": {"on": {"GO": f"S{(n + 1) % 10_000}"}} for n in range(10_000)}
    shown = workflow({"states": huge}, name="huge").picture()
    assert "more" in checked(shown.html).text
    assert "10,000 states" in str(shown)


@pytest.mark.parametrize("words", HOSTILE.values(), ids=list(HOSTILE))
def test_names_are_text(words):
    name = words[:150]
    machine = {"states": {f"A{name}": {"on": {f"E{name}": f"B{name}"}}, f"B{name}": None}}
    day = workflow(machine, name="day")
    run = day.start()
    asking = questions(run.root)
    next(asking).answer(f"E{name}")
    asking.close()
    done = run.result()

    for shown in (day.picture(), day.picture(run)):
        checked(shown.html)
        assert "\x1b" not in str(shown)
    checked(done._repr_mimebundle_()["text/html"])


def test_no_word_is_cut():
    long = "a state with a name that is as long as a name may be, and no shorter " * 2
    machine = {"states": {long[:200]: {"on": {"GO": "B"}}, "B": None}}
    text = checked(picture(workflow(machine, name="day")).html).text
    assert long[:200].replace(" ", "") in re.sub(r"\s", "", text)
