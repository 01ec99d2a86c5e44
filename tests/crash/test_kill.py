"""A real process, killed at any moment: nothing acknowledged is lost, nothing is paid twice."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from wire.formats import Call, Said
from wire.server import WireServer

from netflux_nb.record.reading import check, files
from netflux_nb.record.unfinished import left_behind
from netflux_nb.replay.recording import Recording

HERE = Path(__file__).parent
# How many kills must hit a run in the middle.
KILLS = int(os.environ.get("NETFLUX_KILLS", "300"))
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
        if kill is not None and kill[0] < 0:
            self.shoot(kill[1])
        while "ended" not in (line := json.loads(self.program.stdout.readline())):
            said = line
        self.kill = None
        return said.get("result")


def noted(folder):
    path = folder / "notes.txt"
    return Counter(path.read_text().split("\n")[:-1]) if path.exists() else Counter()


EXPECTED = sorted(f"seen text {i}" for i in range(TEXTS))


def known(folder):
    """Give what is recorded of each run, oldest first, and check that all of it is sound."""
    store = folder / "store"
    paths = files(store) if store.is_dir() else []
    assert all(check(path).is_sound or not check(path).rows for path in paths)
    began = [r["run"] for p in paths for r in check(p).rows if r["event"] == "RunBegan"]
    return [Recording(store, run) for run in began]


def answered(recording):
    """Name the requests of which the record has the answer."""
    return {
        (node.opened.inputs["name"], nth)
        for node in recording.nodes.values()
        if node.fn_name == "look"
        for nth, request in node.requests.items()
        if request.spent is not None and request.spent.stop not in ("error", "canceled")
    }


def moment(chance, *, is_first):
    """Draw when to kill: so long after so many requests, or (-1) after the beginning."""
    if not is_first and chance.random() < 0.4:
        return -1, chance.uniform(0.0, 0.08)
    return chance.randrange(3 * TEXTS if is_first else TEXTS), chance.uniform(0.0, 0.02)


def attempt(stage, folder, chance):
    """Kill a run, and up to three resumes of it in a row, then let one end.

    Gives how often it was hit in the middle, and how many answers were kept.
    """
    had, hits, unsure = set(), 0, 0
    order = {"what": "run"}
    for left in reversed(range(chance.randint(1, 4) + 1)):
        when = moment(chance, is_first=order["what"] == "run") if left else None
        stage.server.asked.clear()
        result = stage.do(folder=folder, kill=when, **order)

        asked = Counter(paid(a) for a in stage.server.asked)
        assert not had & asked.keys(), "what was acknowledged was paid again"
        assert max(asked.values(), default=1) == 1
        found = known(folder)
        had |= {one for recording in found for one in answered(recording)}
        notes = [n for r in found for n in r.nodes.values() if n.fn_name == "note"]
        done = {n.key for n in notes if n.outcome == "success"}
        assert noted(folder).total() >= len(done), "an effect was acknowledged that never was"
        unsure += sum(1 for n in notes if n.run == found[-1].run and n.effect and not n.outcome)
        if result is not None or (found and found[-1].root.outcome == "success"):
            break
        hits += 1
        cut_off = left_behind(folder / "store") if found else []
        assert len(cut_off) == bool(found), "just one is to be gone on with"
        order = {"what": "resume", "run": cut_off[0]} if cut_off else {"what": "run"}

    assert result is None or sorted(result) == EXPECTED
    assert sorted(found[-1].root.value) == EXPECTED
    after = noted(folder)
    assert len(after) == TEXTS + 2
    assert after.total() - len(after) <= unsure
    chain = [r.run for r in found]
    assert [r.about.get("of") for r in found] == [None, *chain[:-1]]
    return hits, len(had)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_q7_q58_f74_f75_a_run_killed_at_any_moment_goes_on_and_pays_nothing_twice(
    tmp_path, chance, keep
):
    trials = hits = kept = 0
    with Stage(tmp_path) as stage:
        whole = tmp_path / "whole"
        whole.mkdir()
        assert sorted(stage.do("run", whole)) == EXPECTED
        while hits < KILLS:
            trials += 1
            folder = tmp_path / f"trial{trials}"
            folder.mkdir()
            keep(folder)
            hit, had = attempt(stage, folder, chance)
            hits += hit
            kept += had
            shutil.rmtree(folder)
    print(f"{hits} kills hit {trials} runs in the middle; {kept} answers were kept")
    # Many kills must hit a run in the middle, or this says nothing.
    assert hits > trials
    assert kept > trials
