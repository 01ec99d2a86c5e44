"""Who may go on with a run (rows F74, F77)."""

import json
import subprocess
import sys
import textwrap

import pytest

from netflux_nb import NoNodeError, Runtime, agent, function
from netflux_nb.again import claim
from netflux_nb.again.recording import Recording
from netflux_nb.again.replay import replay, resume
from netflux_nb.record.journal import Journal
from netflux_nb.record.reading import check, files
from netflux_nb.testing import ScriptedModel

title = agent("title(text: str)", "Title of {text}", model="scripted")


@function(uses=[title])
def two() -> list[str]:
    """Ask twice."""
    return [title(text="a"), title(text="b")]


# Runs `two`, says so with the second request on its way, and waits to be killed.
PROGRAM = textwrap.dedent("""
    import sys, threading
    from netflux_nb import Runtime
    from netflux_nb.record.journal import Journal
    from netflux_nb.testing import ScriptedModel
    sys.path.insert(0, sys.argv[2])
    from test_claim import two
    asked = []
    def script(request):
        asked.append(request)
        if len(asked) == 2:
            print("here", flush=True)
            threading.Event().wait()
        return "<" + request.parts[0].text + ">"
    journal = Journal(sys.argv[1])
    runtime = Runtime([two], models={"scripted": ScriptedModel(script)}, sink=journal)
    runtime.invoke(None, two, {}).wait()
""")


@pytest.fixture
def running(tmp_path, request):
    """A process in the middle of a run."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), str(request.path.parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "here\n"
        yield process
        process.kill()


def recorded(folder):
    (path,) = files(folder)
    (run,) = {row["run"] for row in check(path).rows if "seq" in row}
    return Recording(folder, run)


def resumed(recording, journal, **options):
    models = {"scripted": ScriptedModel(lambda r: f"<{r.parts[0].text}>")}
    with Runtime([two], models=models, sink=journal) as runtime:
        return resume(runtime, recording, two, **options).result(timeout=30)


@pytest.mark.slow
def test_f77_a_run_that_goes_on_elsewhere_is_not_resumed(running, tmp_path):
    was = recorded(tmp_path)
    with Journal(tmp_path / "other") as journal:
        with pytest.raises(NoNodeError, match=r"The process that runs .* is still there"):
            resumed(was, journal)
        running.kill()
        running.wait()
        assert resumed(was, journal) == ["<Title of a>", "<Title of b>"]


def test_a_run_that_goes_on_here_is_not_resumed(tmp_path):
    def go(request):
        journal.flush()
        part = recorded(tmp_path)
        with pytest.raises(NoNodeError, match="is still there"):
            resumed(part, journal)
        return "x"

    models = {"scripted": ScriptedModel(go)}
    with Journal(tmp_path) as journal, Runtime([two], models=models, sink=journal) as runtime:
        assert runtime.invoke(None, two, {}).result(timeout=30) == ["x", "x"]


def cut(folder):
    """Record a run, and cut its end off, as a crash does."""
    models = {"scripted": ScriptedModel(["<Title of a>", "<Title of b>"])}
    with Journal(folder) as journal, Runtime([two], models=models, sink=journal) as runtime:
        runtime.invoke(None, two, {}).wait()
    (path,) = files(folder)
    lines = path.read_bytes().splitlines(keepends=True)
    mine = [i for i, line in enumerate(lines) if b'"seq":' in line]
    path.write_bytes(b"".join(lines[: mine[-1]]))
    return path


def test_a_run_of_another_machine_is_resumed_only_when_told_to(tmp_path):
    path = cut(tmp_path)
    first, _, rest = path.read_text().partition("\n")
    away = json.loads(first) | {"host": "far-away"}
    path.write_text(json.dumps(away) + "\n" + rest)
    was = claim._host_of(path)
    assert was == "far-away"

    part = Recording.__new__(Recording)
    part.__dict__.update(_part(tmp_path, path).__dict__)
    with Journal(tmp_path / "other") as journal:
        with pytest.raises(NoNodeError, match="was recorded on 'far-away'"):
            resumed(part, journal)
        assert resumed(part, journal, force=True) == ["<Title of a>", "<Title of b>"]


def _part(folder, path):
    """Read a run although its first line was changed."""
    whole = cut(folder / "again")
    recording = recorded(whole.parent)
    recording.folder = folder
    recording.run = f"{path.stem}-1.1"
    return recording


def test_a_run_on_a_disk_of_others_is_resumed_only_when_told_to(tmp_path, monkeypatch):
    cut(tmp_path)
    monkeypatch.setattr(claim, "_FAR", ("",))  # whatever disk this is counts as far
    part = recorded(tmp_path)
    with (
        Journal(tmp_path / "other") as journal,
        pytest.raises(NoNodeError, match="disk, where locks of others may not be seen"),
    ):
        resumed(part, journal)


def test_two_that_resume_at_once_pay_once(tmp_path):
    cut(tmp_path)
    part = recorded(tmp_path)
    with claim.claimed(part, force=False) as note:
        with (
            pytest.raises(NoNodeError, match="is being resumed by another"),
            claim.claimed(part, force=False),
        ):
            pass
        note("the-other")
    with (
        pytest.raises(NoNodeError, match="was resumed already, as the-other"),
        claim.claimed(part, force=False),
    ):
        pass


def test_a_clock_that_goes_backwards_harms_nothing(tmp_path):
    times = iter(range(10_000, 0, -1))
    models = {"scripted": ScriptedModel(["<Title of a>", "<Title of b>"])}

    def clock():
        return float(next(times))

    with (
        Journal(tmp_path, clock=clock) as journal,
        Runtime([two], models=models, sink=journal, clock=clock) as runtime,
    ):
        runtime.invoke(None, two, {}).wait()
    (path,) = files(tmp_path)
    assert check(path).is_sound
    assert replay(recorded(tmp_path), two).is_same
