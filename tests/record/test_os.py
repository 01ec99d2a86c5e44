"""Locks, sync and replacement of files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from netflux_nb.record.os import lock, open_fd, replace, sync, sync_path, try_lock, unlink

HOLD = """
import os, sys
from pathlib import Path
from netflux_nb.record.os import lock, open_fd
fd = open_fd(Path(sys.argv[1]), os.O_RDWR)
lock(fd)
print("held", flush=True)
sys.stdin.read()
"""


def opened(path: Path) -> int:
    return open_fd(path, os.O_RDWR | os.O_CREAT)


def test_q2_a_lock_is_held_alone_or_shared(tmp_path):
    one, two, three = (opened(tmp_path / "x") for _ in range(3))

    assert try_lock(one, is_shared=True)
    assert try_lock(two, is_shared=True)
    assert not try_lock(three)
    os.close(one)
    os.close(two)
    assert try_lock(three)
    four = opened(tmp_path / "x")
    assert not try_lock(four)
    assert not try_lock(four, is_shared=True)
    os.close(three)
    lock(four, is_shared=True)
    os.close(four)


def test_q2_a_lock_keeps_nobody_from_reading_and_writing(tmp_path):
    path = tmp_path / "x"
    with path.open("ab") as writer, path.open("rb") as reader:
        lock(writer.fileno())
        writer.write(b"1\n" * 10)
        writer.flush()

        assert reader.read() == b"1\n" * 10
        assert not try_lock(reader.fileno(), is_shared=True)
        writer.write(b"2")
    assert path.read_bytes() == b"1\n" * 10 + b"2"


@pytest.mark.slow
def test_q2_a_killed_process_lets_go(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == b"held"
        fd = opened(path)
        assert not try_lock(fd)

        child.kill()
        child.wait()

        lock(fd)
        os.close(fd)


def test_q1_sync_takes_what_is_written(tmp_path):
    fd = opened(tmp_path / "x")
    os.write(fd, b"a\n")

    sync(fd)

    os.close(fd)
    sync_path(tmp_path / "x")
    sync_path(tmp_path)
    assert (tmp_path / "x").read_bytes() == b"a\n"


def test_q2_a_file_takes_the_place_of_another(tmp_path):
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")

    replace(tmp_path / "a", tmp_path / "b")

    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert (tmp_path / "b").read_text() == "a"
    unlink(tmp_path / "b")
    unlink(tmp_path / "b", missing_ok=True)


CALL = """
import sys
from netflux_nb import Runtime, agent, function
from netflux_nb.record import os as system
from netflux_nb.record.journal import Journal
from netflux_nb.record.retention import compact, gc
from netflux_nb.record.reading import read_view
from netflux_nb.record.sql.store import names
from netflux_nb.testing import ScriptedModel
from netflux_nb.func_lib.shell import Bash, BashException

title = agent("title(text: str) -> str", "Title: {text}", model="scripted")
model = ScriptedModel(["Rivers"])
with Journal(sys.argv[1]) as journal:
    with Runtime([title], models={"scripted": model}, sink=journal) as runtime:
        print(runtime.get_ctx().invoke(title, {"text": "x"}).result(timeout=30))
    bash = Bash()
    with Runtime([bash]) as runtime:
        try:
            print(runtime.get_ctx().invoke(bash, {"command": "echo hi"}).result(timeout=30).strip())
        except BashException as error:
            print(error)
compact(sys.argv[1])
gc(sys.argv[1])
print([read_view(sys.argv[1], run).view.outputs for run in names(sys.argv[1])], *sorted(p.suffix for p in journal.folder.glob("2*")))
print(system.sync.__module__, system._FLAGS > 0)
"""


@pytest.fixture
def on(tmp_path):
    """Call an agent, look back and pack its record in a Python of another system."""

    def go(name):
        here = Path(__file__).parents[1]
        paths = os.pathsep.join([str(here / "systems"), str(here.parent)])
        env = {**os.environ, "NETFLUX_SYSTEM": name, "PYTHONPATH": paths}
        command = [sys.executable, "-W", "ignore", "-c", CALL, str(tmp_path)]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)

    return go


@pytest.mark.slow
def test_q1_an_agent_call_ends_where_there_is_no_fdatasync(on):
    done = on("macos")

    assert done.stdout.splitlines() == [
        "Rivers",
        "hi",
        "['Rivers'] .parquet",
        "netflux_nb.record.os False",
    ], done.stderr


@pytest.mark.slow
def test_q2_an_agent_call_is_recorded_on_windows_and_bash_says_that_it_is_not_there(on):
    done = on("windows")

    assert done.stdout.splitlines() == [
        "Rivers",
        "bash() needs POSIX processes, which Windows has in WSL only.",
        "['Rivers'] .parquet",
        "windows True",
    ], done.stderr
