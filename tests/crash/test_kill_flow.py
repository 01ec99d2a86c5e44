"""A workflow, killed at any moment: it goes on in the state where it stood."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from netflux_nb.core.messages import MachineStep
from netflux_nb.record.reading import check, files
from netflux_nb.record.unfinished import left_behind
from netflux_nb.replay.recording import Recording

HERE = Path(__file__).parent
# How many kills must hit a run in the middle.
KILLS = int(os.environ.get("NETFLUX_FLOW_KILLS", "25"))
STATES = ["OPEN", "WAIT", "OPEN", "WAIT", "OPEN", "WAIT", "OPEN", "COUNT", "OPEN", "COUNT", "OPEN",
          "COUNT", "CLOSED"]  # fmt: skip
SENT = [["sig_full", "deposit"]] * 3 + [["cmd_close", "check"]]
EXPECTED = ["CLOSED", STATES, [6, 21], SENT]


class Stage:
    """The program that is killed."""

    def __init__(self):
        self.program = subprocess.Popen(
            [sys.executable, str(HERE / "flow_stage.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "NETFLUX_HOME": "off", "PYTHONPATH": str(HERE.parents[1])},
        )

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.program.stdin.close()
        self.program.wait(30)
        self.program.stdout.close()

    def do(self, what, folder, kill=None, **more):
        """Have a child do something, killed so long after it began. Give what it said."""
        order = {"do": what, "folder": str(folder), **more}
        self.program.stdin.write(json.dumps(order) + "\n")
        self.program.stdin.flush()
        pid = json.loads(self.program.stdout.readline())["pid"]
        timer = None
        if kill is not None:
            timer = threading.Timer(kill, shot, [pid])
            timer.start()
        said = {}
        while "ended" not in (told := json.loads(self.program.stdout.readline())):
            said = told
        if timer is not None:
            timer.cancel()
            timer.join()
        return said.get("result")


def shot(pid):
    with contextlib.suppress(ProcessLookupError):  # it was done before
        os.kill(pid, signal.SIGKILL)


def known(folder):
    """Give what is recorded of each run, oldest first."""
    store = folder / "store"
    paths = files(store) if store.is_dir() else []
    began = [r["run"] for p in paths for r in check(p).rows if r["event"] == "RunBegan"]
    return [Recording(store, run) for run in began]


def counted(recording):
    """Name the calls that changed the state, with what they gave: these are not made again."""
    return {
        node.key: node.value
        for node in recording.nodes.values()
        if node.outcome == "success" and node.fn_name == "deposit"
    }


def done(folder):
    path = folder / "done.txt"
    return Counter(path.read_text().splitlines()) if path.exists() else Counter()


def attempt(stage, folder, chance, whole_s):
    """Kill a run and what goes on from it at random, then let one end; give how often it was hit."""
    order, hits = {"what": "run"}, 0
    for left in reversed(range(chance.randint(1, 4) + 1)):
        before = done(folder)
        was = {key: value for one in known(folder) for key, value in counted(one).items()}
        kill = chance.uniform(0, whole_s) if left else None
        result = stage.do(folder=folder, kill=kill, **order)
        again = done(folder) - before
        assert not [v for v in was.values() if again[f"deposit {v}"]], "what counted ran twice"
        found = known(folder)
        if result is not None or (found and found[-1].root.outcome == "success"):
            break
        hits += 1
        cut_off = left_behind(folder / "store") if found else []
        order = {"what": "resume", "run": cut_off[0]} if cut_off else {"what": "run"}
    if result is not None:
        assert result == EXPECTED
    steps = [n for n in found[-1].view.intermediate_events if isinstance(n, MachineStep)]
    assert [n.state for n in steps if n.next or not n.event] == STATES
    mails = [count for name, count in done(folder).items() if name.startswith("mail")]
    assert len(mails) == 4
    assert stage.do("replay", folder, run=found[-1].run) == [True, 0, 0]
    return hits


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_t39_a_workflow_killed_at_any_moment_goes_on_where_it_stood(tmp_path, chance, keep):
    hits = trials = 0
    with Stage() as stage:
        whole = tmp_path / "whole"
        whole.mkdir()
        began = time.monotonic()
        assert stage.do("run", whole) == EXPECTED
        whole_s = time.monotonic() - began
        while hits < KILLS:
            trials += 1
            folder = tmp_path / f"trial{trials}"
            folder.mkdir()
            keep(folder)
            hits += attempt(stage, folder, chance, whole_s)
    print(f"{hits} kills hit {trials} runs in the middle")
