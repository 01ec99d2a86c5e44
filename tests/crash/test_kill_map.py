"""A map that was killed inside an effect: nobody knows whether it was done, so a person is asked."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from netflux_nb import PendingError, function, runs, session
from netflux_nb.runtime.threads import waiting


@function(effect="mail")
def send(to: str) -> str:
    """Send a letter. There is no taking it back."""
    if os.environ.get("STOPS_AT") == to:
        print("here", flush=True)
        threading.Event().wait()
    with Path(os.environ["SENT"]).open("a") as file:
        file.write(to)
    return f"sent to {to}"


def sent():
    """Give all letters, in their order."""
    path = Path(os.environ["SENT"])
    return path.read_text() if path.exists() else ""


@function(uses=[send])
def greet(to: str) -> str:
    """Greet somebody by letter."""
    return send(to=to).upper()


# Maps, says so when it is inside the effect for "b", and waits there to be killed.
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import test_kill_map
getattr(test_kill_map, sys.argv[2]).map(["a", "b", "c"], at_once=1)
"""


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("NETFLUX_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("SENT", str(tmp_path / "sent.txt"))
    yield tmp_path / "store"
    for runtime in session.runtimes():
        runtime.close()
    session.close_records()


@pytest.fixture
def cut_off(store, request):
    """A Function whose map over a, b, c was killed inside the effect for b."""
    fn = getattr(request, "param", send)
    command = [sys.executable, "-c", PROGRAM, str(request.path.parent), fn.name]
    env = {**os.environ, "STOPS_AT": "b"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout.readline() == "here\n"
        os.kill(process.pid, signal.SIGKILL)
    assert sent() == "a"
    return fn


def answered(mapped, value):
    """Answer what a map asks; give what it asked."""
    said = []
    with closing(waiting.questions(mapped.run.root)) as asking:
        for node in asking:
            said.append(node.held.on.what)
            node.runtime.answer(node, value, by="ada", reason="")
    return said


@pytest.mark.slow
@pytest.mark.parametrize("cut_off", [send, greet], indirect=True)
def test_the_rows_that_are_clear_are_done_and_the_one_in_doubt_is_asked_about(cut_off):
    with pytest.raises(PendingError, match=r"had begun when the run was cut off"):
        cut_off.map(["a", "b", "c"], at_once=1)

    assert sent() == "ac"
    states = [child.state.value for child in runs.last.view().children]
    assert states[0] == states[2] == "Success"
    assert states[1] in ("Waiting", "Running")
    runs.last.approve()
    assert runs.last.wait().state.value == "Success"
    assert sent() == "acb"


@pytest.mark.slow
def test_a_no_leaves_the_row_undone_and_named_and_in_doubt(cut_off):
    mapped = cut_off.map(["a", "b", "c"], wait=False)

    (said,) = answered(mapped, False)
    assert "'b'" in said
    assert sent() == "ac"
    row = mapped.wait().df.iloc[1]
    assert row["state"] == "Error"
    assert "send() may have been done; ada (as claimed) did not let it be again" in row["error"]

    again = cut_off.map(["z", "c", "b", "a"], wait=False)
    assert answered(again, True) == [said]
    assert sorted(sent()) == list("abcz")
    assert answered(cut_off.map(["b"], wait=False), True) == []
    assert sorted(sent()) == list("abcz")


@pytest.mark.slow
def test_a_map_that_is_fresh_does_all_anew(cut_off):
    cut_off.map(["a", "b", "c"], fresh=True)
    assert sorted(sent()) == sorted("aabc")


@pytest.mark.slow
def test_an_effect_in_doubt_is_asked_about_after_its_function_changed(cut_off):
    @function(effect="mail", name="send")
    def changed(to: str) -> str:
        return f"changed: {to}"

    assert len(answered(changed.map(["a", "b"], wait=False), True)) == 1
