"""A transaction with an outbox, killed at any moment: each call is made once, or is listed."""

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

from netflux_nb.record.unfinished import left_behind

HERE = Path(__file__).parent
# How many kills must hit in the middle; `make outbox-kills` takes more.
KILLS = int(os.environ.get("NETFLUX_OUTBOX_KILLS", "30"))


class Stage:
    """The program that is killed."""

    def __init__(self):
        self.program = subprocess.Popen(
            [sys.executable, str(HERE / "outbox_stage.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        )

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.program.stdin.close()
        self.program.wait(30)
        self.program.stdout.close()

    def do(self, *orders, kill=None):
        """Have children do something at the same time; kill all so long after they began."""
        self.program.stdin.write(json.dumps(orders) + "\n")
        self.program.stdin.flush()
        said, timer = [], None
        while "ended" not in (told := json.loads(self.program.stdout.readline())):
            if "pids" in told and kill is not None:
                timer = threading.Timer(kill, shot, told["pids"])
                timer.start()
            said += [told["result"]] if "result" in told else []
        if timer is not None:
            timer.cancel()
            timer.join()
        return said


def shot(*pids):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # it was done before
            os.kill(pid, signal.SIGKILL)


def sent(folder):
    path = folder / "sent.txt"
    return Counter(map(int, path.read_text().split())) if path.exists() else Counter()


def check_listed(rows, made):
    """Compare what is listed with what was done."""
    listed = Counter(n for _, n, _ in rows)
    assert set(listed.values()) <= {1}, "a call is listed twice"
    assert not made - listed, "a call was made that is listed nowhere"
    for state, n, _ in rows:
        assert state != "running", "nobody runs it"
        if state == "released":
            assert made[n] == 1, (state, n)
        elif state == "waiting":
            assert made[n] == 0, (state, n)
        else:  # it had begun, and nobody knows; or a person said no to a second time
            assert made[n] <= 1, (state, n)


def attempt(stage, folder, chance, kind, whole_s, seen):
    """Kill a program at random, and what goes on from it; give how often that hit."""
    order = {"folder": str(folder)}
    done = stage.do({**order, "do": kind}, kill=chance.uniform(0, whole_s))
    hits = int(not done)
    steps = []
    for _ in range(chance.randrange(1, 5)):
        rows = stage.do({**order, "do": "list"})[0]
        check_listed(rows, sent(folder))
        seen.update(state for state, _, _ in rows)
        cut_off = left_behind(folder / "store") if (folder / "store").is_dir() else []
        days = [run for run in cut_off if is_day(folder, run)]
        if days and chance.random() < 0.5:
            step = {**order, "do": "resume", "run": days[0]}
        else:
            step = {**order, "do": "release"}
        twice = step["do"] == "release" and chance.random() < 0.5
        kill = chance.uniform(0, whole_s) if chance.random() < 0.5 else None
        steps.append((step["do"], twice, kill))
        came = stage.do(*[step] * (1 + twice), kill=kill)
        hits += int(kill is not None and not came)
        assert max(sent(folder).values(), default=0) <= 1, steps
    stage.do({**order, "do": "release"})
    rows = stage.do({**order, "do": "list"})[0]
    check_listed(rows, sent(folder))
    left = [row for row in rows if row[0] == "waiting"]
    assert not left, (steps, rows)
    for fn, state, is_same, first in stage.do({**order, "do": "replay"})[0]:
        if state in ("Success", "Error"):
            assert is_same, (fn, state, first, steps)
    return hits


def is_day(folder, run):
    for path in (folder / "store").glob(f"{run.rpartition('-')[0]}*"):
        for line in path.read_bytes().splitlines():
            if b'"event":"NodeOpened"' in line and b'"parent":null' in line:
                row = json.loads(line)
                if row.get("run") == run:
                    return row["fn"] == "day"
    return False


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", ["roots", "tree"])
def test_tx8_a_call_of_an_outbox_is_made_once_or_listed_whenever_it_is_killed(
    kind, tmp_path, chance, keep
):
    hits, trials, seen = 0, 0, Counter()
    with Stage() as stage:
        times = []
        for nth in range(2):
            whole = tmp_path / f"whole{nth}"
            whole.mkdir()
            began = time.monotonic()
            assert stage.do({"do": kind, "folder": str(whole)}) == ["whole"]
            times.append(time.monotonic() - began)
            assert sent(whole) == Counter(a * 10 + b for a in range(3) for b in range(3))
        while hits < KILLS // 2:
            trials += 1
            folder = tmp_path / f"trial{trials}"
            folder.mkdir()
            keep(folder)
            hits += attempt(stage, folder, chance, kind, min(times), seen)
    print(f"{hits} kills hit {trials} trials in the middle; calls were then {dict(seen)}")
