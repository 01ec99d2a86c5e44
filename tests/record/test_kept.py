"""Files of every version that was released open for ever.

`python tests/record/test_kept.py VERSION` writes those of a new one.
"""

import os
import shutil
import sys
from pathlib import Path

import pytest
from record_views import views

from netflux_nb import Runtime, agent, as_completed, function, open_run
from netflux_nb.record import bundle, environment, journal, retention
from netflux_nb.record.reading import check, files
from netflux_nb.record.sql.store import sql
from netflux_nb.replay.begin import replay
from netflux_nb.replay.recording import Recording
from netflux_nb.testing import ScriptedModel, Turn, call

KEPT = Path(__file__).parent / "kept"
VERSIONS = sorted(path.name for path in KEPT.iterdir()) if KEPT.is_dir() else []


@function
def add(x: int, y: int) -> int:
    """Add."""
    return x + y


@function(effect="files")
def act(what: str) -> str:
    """Reach outside."""
    if what == "fail":
        raise OSError(28, "no space")
    return f"did {what}"


@function
def draw(ctx) -> list:
    """Draw."""
    return [ctx.random.random(), ctx.uuid(), ctx.now().isoformat(), ctx.env("NETFLUX_KEPT", "-")]


think = agent("think(text: str)", "Think of {text}", system="Add.", uses=[add], model="scripted")


@function(uses=[add, act, draw, think])
def study(n: int) -> list:
    """Do all that a record can hold."""
    nodes = [think.start(text=f"t{i}") for i in range(n)]
    thoughts = [node.result() for node in as_completed(*nodes)]
    try:
        act(what="fail")
    except OSError as error:
        thoughts.append(str(error))
    return [*sorted(thoughts), act(what="well"), draw(), "x" * 20_000, (1, frozenset({2}), b"3")]


def answer(request):
    """Think, add, and say what it came to."""
    if len(request.parts) == 1:
        return Turn(thinking="hm", signature="s", calls=[call("add", x=1, y=2)])
    return f"{request.parts[0].text}: {request.parts[-1].outputs}"


@pytest.fixture(params=VERSIONS)
def kept(request, tmp_path):
    """A copy of what a version wrote."""
    folder = tmp_path / request.param
    shutil.copytree(KEPT / request.param, folder)
    return folder


def test_there_are_files_of_a_version():
    assert "0.1.0" in VERSIONS


def test_files_of_every_version_open(kept):
    assert all(check(path).is_sound for path in files(kept))
    assert [view.outputs[:2] for view in views(kept)] == [["Think of t0: 3", "Think of t1: 3"]] * 2
    frame = sql("SELECT state, requests FROM runs", kept)
    assert frame.values.tolist() == [["Success", 4]] * 2


def test_runs_of_every_version_are_replayed(kept):
    runs = list(sql("SELECT run FROM runs", kept)["run"])
    assert len(runs) == 2
    for run in runs:
        done = replay(Recording(kept, run), study)
        assert done.is_same, str(done)


def test_bundles_of_every_version_open(kept):
    run = open_run(kept / "study.nfrun")
    assert run.verify() == ()
    assert run.replay(study).is_same


def write(version):
    """Write the files of this version: one of lines, one packed, and a bundle."""
    folder = KEPT / version
    folder.mkdir(parents=True)
    seen = {"python": "3.11.2", "platform": "Linux", "packages": {"pandas": "3.1"}, "git": None}
    journal.platform.node = lambda: "somewhere"
    journal.environment = lambda place: seen
    os.environ.pop("NETFLUX_KEPT", None)
    assert environment
    for is_packed in (True, False):
        models = {"scripted": ScriptedModel(answer)}
        with (
            journal.Journal(folder, variables={}) as kept_by,
            Runtime([study], models=models, sink=kept_by) as runtime,
        ):
            node = runtime.invoke(None, study, {"n": 2})
            node.wait()
            run = runtime.run_name(node)
        if is_packed:
            retention.compact(folder)
    bundle.write(folder, [run], folder / "study.nfrun")
    # The files are kept with the code.
    for name in (".gitignore", ".lock"):
        (folder / name).unlink(missing_ok=True)


if __name__ == "__main__":
    write(sys.argv[1])
