"""A run that is played again: sent once, by a real kernel, and told of no more."""

import json

import pytest
from kernel_messages import custom, kernel, of

pytestmark = pytest.mark.slow

MIME = "application/vnd.jupyter.widget-view+json"
BEGIN = """
from netflux_nb import function, runs
%load_ext netflux_nb

@function
def part(x: int) -> int:
    return x * 2

@function(uses=[part])
def whole(x: int) -> int:
    return part(x) + part(x + 1)

run = whole.start(x=5).wait()
"""


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    with kernel(tmp_path_factory.mktemp("kernel")) as it:
        it.run(BEGIN)
        yield it


def opened(said):
    """Give the state of the widget that was made, and its id."""
    (found,) = [
        m["content"] for m in of(said, "comm_open") if "_played" in m["content"]["data"]["state"]
    ]
    return found["data"]["state"], found["comm_id"]


def test_p1_p17_a_run_is_played_again_and_its_finished_tree_stands_beside(shell):
    said = shell.run("run.play()", allow_stdin=True)

    (shown,) = [m["content"] for m in of(said, "display_data")]
    state, view = opened(said)
    assert shown["data"][MIME]["model_id"] == view
    assert "Success" in shown["data"]["text/plain"]
    assert "whole" in shown["data"]["text/html"]
    found = json.loads(state["_played"])
    assert [found["names"][row[2]] for row in found["nodes"]] == ["whole", "part", "part"]
    assert state["_speed"] == 0
    # A page that found no hub asks for the component; nothing is told unasked.
    assert not custom([*said, *shell.quiet(1.5)], view)
    shell.tell(view, {"t": "module"})
    said = shell.until(lambda m: bool(custom([m], view)))
    assert custom(said, view)[0]["t"] == "module"


def test_a_line_plays_a_run_at_a_speed(shell):
    said = shell.run("%nf play --speed max", allow_stdin=True)
    assert opened(said)[0]["_speed"] == -1

    said = shell.run("%nf play run --speed 0.5", allow_stdin=True)
    assert opened(said)[0]["_speed"] == 0.5

    for wrong in ("0", "-1", "17", "nan", "fast", "1e9"):
        said = shell.run(f"%nf play --speed {wrong}", allow_stdin=True)
        (error,) = of(said, "error")
        assert "A speed is a number from 0.001 to 16" in error["content"]["evalue"]


def test_without_a_widget_it_is_the_finished_tree(shell):
    said = shell.run("run.play()")  # nobody watches

    (shown,) = [m["content"] for m in of(said, "display_data")]
    assert set(shown["data"]) == {"text/plain", "text/html"}
    assert not of(said, "comm_open")


def test_what_still_goes_on_is_not_played(shell):
    shell.run(
        "import threading\ngate = threading.Event()\n"
        "@function\ndef slow() -> int:\n    gate.wait(60)\n    return 1\n"
        "live = slow.start()"
    )

    said = shell.run("live.play()", allow_stdin=True)

    assert "run.open()` shows it live" in of(said, "error")[0]["content"]["evalue"]
    shell.run("gate.set(); live.wait(); None")


def test_the_finished_tree_stays_when_views_are_closed(shell):
    said = shell.run("run.play()", allow_stdin=True)
    _, view = opened(said)

    said = shell.run("from netflux_nb.jupyter.live import board; board.close_all()")

    assert view in [m["content"]["comm_id"] for m in of(said, "comm_close")]
    left = [m["content"]["data"] for m in of(said, "update_display_data")]
    assert left
    assert all(MIME not in data for data in left)
