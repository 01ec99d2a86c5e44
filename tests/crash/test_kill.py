"""A real process, killed at any moment: nothing acknowledged is lost, nothing is paid twice."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from wire.formats import Call, Said
from wire.server import WireServer

from netflux_nb.again.recording import Recording
from netflux_nb.record.reading import check, files

HERE = Path(__file__).parent
TRIALS = 200
TEXTS = 6


def answer(asked):
    """Have each text measured and noted, then say what it is."""
    messages = asked.body["messages"]
    name = text_of(messages)
    if len(messages) == 1:
        return Said(text="I look.", calls=[Call("measure", {"name": name})])
    if len(messages) == 3:
        return Said(calls=[Call("note", {"name": name}, id="call_2")])
    return Said(text=f"seen {name}")


def text_of(messages):
    content = messages[0]["content"]
    words = content if isinstance(content, str) else content[0]["text"]
    return words.removeprefix("Look at ")


def paid(asked):
    """Name a request by its text and its place in the conversation."""
    messages = asked.body["messages"]
    return text_of(messages), len(messages) // 2


class Stage:
    """The program that is killed, and the server that it asks."""

    def __init__(self, folder):
        self.folder = folder
        self.server = WireServer(self.answer, wait_s=0.004)
        # How many requests are let by, and then how long, before the child is killed.
        self.kill = None
        self.pid = 0
        self.program = subprocess.Popen(
            [sys.executable, str(HERE / "stage.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "NETFLUX_HOME": "off", "PYTHONPATH": str(HERE.parents[1])},
        )

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *exc):
        self.program.stdin.close()
        self.program.wait(30)
        self.program.stdout.close()
        self.server.__exit__()

    def answer(self, asked):
        if self.kill is not None and len(self.server.asked) > self.kill[0]:
            self.shoot(self.kill[1])
        return answer(asked)

    def shoot(self, delay):
        self.kill = None

        def now(pid=self.pid):
            with contextlib.suppress(ProcessLookupError):  # it was done before
                os.kill(pid, signal.SIGKILL)

        threading.Timer(delay, now).start()

    def do(self, what, folder, kill=None, **more):
        """Have a child do something, and kill it in the middle. Give what it said."""
        order = {"do": what, "folder": str(folder), "url": self.server.url, **more}
        self.program.stdin.write(json.dumps(order) + "\n")
        self.program.stdin.flush()
        said = {}
        self.pid = json.loads(self.program.stdout.readline())["pid"]
        self.kill = kill
        while "ended" not in (line := json.loads(self.program.stdout.readline())):
            said = line
        self.kill = None
        return said.get("result")


def noted(folder):
    path = folder / "notes.txt"
    return Counter(path.read_text().split("\n")[:-1]) if path.exists() else Counter()


EXPECTED = sorted(f"seen text {i}" for i in range(TEXTS))


def attempt(stage, folder, when):
    """Kill a run and go on with it. Give how many answers it had; None if it was not hit in it."""
    stage.server.asked.clear()
    result = stage.do("run", folder, kill=when)
    paths = files(folder / "store") if (folder / "store").is_dir() else []
    assert all(check(path).is_sound or not check(path).rows for path in paths)
    runs = sorted({r["run"] for p in paths for r in check(p).rows if r["event"] == "NodeOpened"})
    if result is not None or not runs:
        return None
    was = Recording(folder / "store", runs[0])
    if was.root.outcome == "success":
        return None  # it was killed after its end, before it could say so
    had = {
        (node.opened.inputs["name"], nth)
        for node in was.nodes.values()
        if node.fn_name == "look"
        for nth, request in node.requests.items()
        if request.spent is not None and request.spent.stop not in ("error", "canceled")
    }
    done = {n.key: n for n in was.nodes.values() if n.fn_name == "note" and n.outcome}
    open_ones = [n for n in was.nodes.values() if n.effect and not n.outcome]
    before = noted(folder)
    assert sum(before.values()) >= len(done), "an effect was acknowledged that never was"
    stage.server.asked.clear()

    result = stage.do("resume", folder, run=runs[0])

    assert sorted(result) == EXPECTED
    asked = Counter(paid(a) for a in stage.server.asked)
    assert not had & asked.keys(), "what was acknowledged was paid again"
    assert max(asked.values(), default=1) == 1
    after = noted(folder)
    assert len(after) == TEXTS + 2
    assert sum(after.values()) - len(after) <= len(open_ones)
    assert all(check(path).is_sound for path in files(folder / "store"))
    again = [r for p in files(folder / "store") for r in check(p).rows if r["event"] == "RunBegan"]
    last = Recording(folder / "store", again[-1]["run"])
    assert last.about["of"] == runs[0]
    assert last.root.outcome == "success"
    return len(had)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_q7_f74_f75_a_run_killed_at_any_moment_goes_on_and_pays_nothing_twice(
    tmp_path, chance, keep
):
    cut = kept = 0
    with Stage(tmp_path) as stage:
        whole = tmp_path / "whole"
        whole.mkdir()
        assert sorted(stage.do("run", whole)) == EXPECTED
        for trial in range(TRIALS):
            folder = tmp_path / f"trial{trial}"
            folder.mkdir()
            when = chance.randrange(3 * TEXTS), chance.uniform(0.0, 0.02)
            keep(folder)
            had = attempt(stage, folder, when)
            cut += had is not None
            kept += had or 0
    # Most kills must have hit a run in the middle, or this says nothing.
    assert cut > TRIALS // 2
    assert kept > TRIALS
