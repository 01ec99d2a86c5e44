"""Two kernels, one that clears up, and a reader on one record, for a while.

`NETFLUX_LONG=1` makes it a minute.
"""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import netflux_nb
from netflux_nb.record.codecs.artifacts import Artifacts
from netflux_nb.record.reading import check, deleted, files
from netflux_nb.record.retention import compact, gc
from netflux_nb.record.sql.store import sql
from netflux_nb.replay.recording import Recording

SECONDS = 60.0 if os.environ.get("NETFLUX_LONG") else 5.0
WAIT_S = 60.0
RACE = Path(__file__).with_name("race.py")


class Racer:
    """A process of the race, and what it has said."""

    def __init__(self, folder, role, number):
        self.process = subprocess.Popen(
            [sys.executable, str(RACE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(netflux_nb.__file__).parents[1])},
        )
        self.told = []
        self.last = {}
        self.is_ready = threading.Event()
        self.tell({"folder": str(folder), "role": role, "number": number})
        self.hears = threading.Thread(target=self.hear)
        self.hears.start()

    def tell(self, words):
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()

    def hear(self):
        for line in self.process.stdout:
            words = json.loads(line)
            if "ready" in words:
                self.is_ready.set()
            elif "run" in words or "deleted" in words:
                self.told.append(words)
            else:
                self.last = words

    def runs(self):
        """Give what each run that was acknowledged must hold."""
        return {one["run"]: one for one in list(self.told)}

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(WAIT_S) == 0
        self.hears.join(WAIT_S)
        self.process.stdout.close()


class Reader:
    """Asks while the others write, pack and delete; says what it saw that cannot be."""

    def __init__(self, folder, writers, cleaner, chance):
        self.folder = folder
        self.writers = writers
        self.cleaner = cleaner
        self.chance = chance
        self.asked = []  # to be deleted
        self.longest_s = 0.0
        self.questions = self.read = 0

    def acknowledged(self):
        return {run: one for writer in self.writers for run, one in writer.runs().items()}

    def gone(self):
        return {one["deleted"] for one in list(self.cleaner.told)}

    def question(self):
        """Ask SQL: all that was acknowledged is there, whole, and nothing that was deleted."""
        must, gone = set(self.acknowledged()), self.gone()
        began = time.monotonic()
        found = sql("SELECT run, state, nodes FROM runs", self.folder)
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        self.questions += 1
        seen = dict(
            zip(found["run"], zip(found["state"], found["nodes"], strict=True), strict=True)
        )
        missing = must - set(self.asked) - set(seen)
        assert not missing, f"{len(missing)} of {len(must)} runs are not seen, as {min(missing)}"
        assert not gone & set(seen)
        assert {seen[run] for run in must & set(seen)} <= {("Success", 7)}

    def look(self):
        """Read some runs by themselves: their values are whole, artifacts too."""
        known = self.acknowledged()
        left = sorted(set(known) - set(self.asked))
        for run in self.chance.sample(left, min(3, len(left))):
            recording = Recording(self.folder, run)
            value = recording.root.value
            assert recording.is_whole
            assert value["text"] == known[run]["word"]
            assert value["number"] == known[run]["number"]
            assert recording.root.children[-1].value.startswith(known[run]["word"])
            self.read += 1

    def order(self):
        """Let a run be deleted, now and then."""
        left = sorted(set(self.acknowledged()) - set(self.asked))
        if len(left) > 20 and self.chance.random() < 0.7:
            run = self.chance.choice(left)
            self.asked.append(run)
            self.cleaner.tell({"delete": run})


@pytest.mark.slow
@pytest.mark.timeout(10 * SECONDS + 120)
@pytest.mark.skipif(os.name != "posix", reason="records need POSIX locks")
def test_two_kernels_one_that_clears_up_and_a_reader_share_a_record(
    tmp_path, monkeypatch, chance, keep
):
    folder = tmp_path / "record"
    keep(folder)
    writers = [Racer(folder, "write", number) for number in (1, 2)]
    cleaner = Racer(folder, "clean", chance.randrange(2**32))
    assert all(one.is_ready.wait(WAIT_S) for one in [*writers, cleaner])
    reader = Reader(folder, writers, cleaner, chance)
    end = time.monotonic() + SECONDS
    try:
        while time.monotonic() < end or len(reader.asked) < 3:
            reader.question()
            reader.look()
            reader.order()
    finally:
        for one in [*writers, cleaner]:
            one.end()

    reader.question()
    known = reader.acknowledged()
    left = set(known) - set(reader.asked)
    assert reader.gone() == set(reader.asked)
    there = files(folder)
    assert all(check(path).is_sound for path in reader.chance.sample(there, min(60, len(there))))
    assert len(left) > 20
    print(
        f"\n{SECONDS:g} s: {len(known)} runs in {len(files(folder))} files by two writers, "
        f"{[w.last['packed'] for w in writers]} packed by them, {len(reader.asked)} deleted, "
        f"{cleaner.last}; {reader.questions} questions, the longest {reader.longest_s:.3f} s, "
        f"{reader.read} runs read alone."
    )
    compact(folder)
    gc(folder, young_s=-1.0)
    assert deleted(folder) == set()
    assert set(sql("SELECT run FROM runs", folder)["run"]) == left
    named = {f"{known[run]['word']}" for run in left}
    assert len(dict(Artifacts(folder))) == len(named)
