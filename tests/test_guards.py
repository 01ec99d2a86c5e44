"""The guards of conftest.py do hold."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from netflux_nb import session
from netflux_nb.governance.caps import Paid

# A block of addresses that is set aside for examples: nobody answers there.
FAR = ("192.0.2.1", 9)


def test_a_far_address_is_refused(reached):
    with (
        socket.socket() as sock,
        pytest.raises(RuntimeError, match="loopback only"),
    ):
        sock.connect(FAR)

    assert reached == [FAR]
    reached.clear()


def test_a_datagram_does_not_leave_either(reached):
    with (
        socket.socket(type=socket.SOCK_DGRAM) as sock,
        pytest.raises(RuntimeError, match="loopback only"),
    ):
        sock.sendto(b"x", FAR)

    reached.clear()


def test_loopback_is_open():
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as client:
            port = client.getpeername()[1]

        assert port == server.getsockname()[1]


def test_no_key_is_left_in_the_environment():
    assert not [name for name in os.environ if name.endswith("_API_KEY")]


@pytest.mark.parametrize("turn", [1, 2])
def test_no_test_meets_what_another_spent(turn):
    assert session.spent().paid == Paid()
    session.here.cap._seen["a run"] = Paid(1.0, 1)


TRIED = """
import pathlib
import pytest

def tried(name):
    with pathlib.Path("tried.txt").open("a+") as file:
        file.seek(0)
        times = file.read().split().count(name)
        file.write(name + " ")
    return times

def test_plain():
    assert tried("plain") == 1

@pytest.mark.lab
def test_late():
    assert tried("late") == 1, "the browser was late"

@pytest.mark.lab
def test_wrong():
    tried("wrong")
    raise LookupError("a bug")

@pytest.mark.lab
def test_good():
    tried("good")

def test_by_chance(chance, keep, tmp_path):
    (tmp_path / "drawn.txt").write_text(str(chance.random()))
    keep(tmp_path)
    raise LookupError("found by chance")
"""


@pytest.fixture
def child(tmp_path, monkeypatch):
    """Run tests in a pytest of their own, under the guards of ours."""
    tests = Path(__file__).parent
    (tmp_path / "test_tried.py").write_text(TRIED)
    browser = tmp_path / "chromium"
    browser.touch(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", f"{tests}{os.pathsep}{tests.parent}")
    monkeypatch.setenv("NETFLUX_KEPT", str(tmp_path / "kept"))

    def go(*args, seed=""):
        monkeypatch.setenv("NETFLUX_SEED", seed)
        settings = ["-c", str(tests.parent / "pyproject.toml"), "-p", "conftest", "--rootdir=."]
        command = [sys.executable, "-m", "pytest", *settings, *args, "test_tried.py"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
        return done.stdout

    return go


@pytest.mark.slow
def test_q7_only_a_test_of_a_real_browser_is_tried_twice_and_says_what_it_met(child, tmp_path):
    said = child()

    tried = (tmp_path / "tried.txt").read_text().split()
    assert {name: tried.count(name) for name in tried} == {
        "plain": 1,
        "late": 2,
        "wrong": 2,
        "good": 1,
    }
    assert "3 failed, 2 passed" in said
    first, second = (said.split("tried twice: ")[i] for i in (1, 2))
    assert "the browser was late" in first + second
    assert "a bug" in first + second


@pytest.mark.slow
def test_q7_chance_is_new_at_each_run_unless_it_is_given_and_what_failed_is_kept(child, tmp_path):
    def drawn(seed=""):
        said = child("-k", "chance", seed=seed)
        [kept] = [line for line in said.splitlines() if str(tmp_path / "kept") in line]
        [printed] = set(re.findall(r"NETFLUX_SEED=(\d+)", said))
        return printed, (Path(kept) / "drawn.txt").read_text()

    seed, number = drawn()

    assert drawn(seed) == (seed, number)
    assert drawn()[1] != number
