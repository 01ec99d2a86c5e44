"""Who may go on with a run (rows F74, F77)."""

import contextlib
import json
import os
import subprocess
import sys
import textwrap

import pytest

from netflux_nb import FunctionError, NoNodeError, Runtime, agent, function
from netflux_nb.record import unfinished
from netflux_nb.record.journal import Journal
from netflux_nb.record.reading import check, files, is_written, writer_of
from netflux_nb.record.retention import compact
from netflux_nb.replay import resume_lock
from netflux_nb.replay.begin import replay, resume
from netflux_nb.replay.prefix import Onward, layers_of
from netflux_nb.replay.recording import Recording
from netflux_nb.testing import ScriptedModel

title = agent("title(text: str)", "Title of {text}", model="scripted")


@function(uses=[title])
def two() -> list[str]:
    """Ask twice."""
    return [title(text="a"), title(text="b")]


# Runs `two`, says so with the second request on its way, and waits to be killed.
PROGRAM = textwrap.dedent("""
    import subprocess, sys, threading
    from netflux_nb import Runtime
    from netflux_nb.record.journal import Journal
    from netflux_nb.testing import ScriptedModel
    sys.path.insert(0, sys.argv[2])
    from test_resume_lock import two
    asked = []
    def script(request):
        asked.append(request)
        if len(asked) == 2:
            print("here", flush=True)
            threading.Event().wait()
        return "<" + request.parts[0].text + ">"
    journal = Journal(sys.argv[1])
    if sys.argv[3:]:
        journal.begin()
        subprocess.Popen(["cat", sys.argv[3]], pass_fds=[journal._fd])
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


@pytest.mark.posix("a pipe has no name of a file")
@pytest.mark.slow
def test_q60_a_lock_that_a_child_of_a_dead_process_still_holds_is_waited_for(tmp_path, request):
    # A child between its fork and its exec has the files of its parent; this one keeps them.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    folder = tmp_path / "record"
    command = [sys.executable, "-c", PROGRAM, str(folder), str(request.path.parent), str(pipe)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        end = os.open(pipe, os.O_WRONLY)  # the child is there
        assert process.stdout.readline() == "here\n"
        process.kill()
    was = recorded(folder)
    (path,) = files(folder)
    assert is_written(path)
    assert unfinished.left_behind(folder) == [was.run], "its process is gone, whoever has its lock"

    def tell(name):
        if str(name) == str(path):
            _told.clear()
            os.close(end)  # it ends; the lock is seen once more before it has

    _told.append(tell)
    with Journal(tmp_path / "other") as journal:
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
    assert writer_of(path)[0] == "far-away"

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


def test_a_run_on_a_disk_of_others_is_resumed_only_when_told_to(tmp_path):
    cut(tmp_path)
    part, every_disk = recorded(tmp_path), ("",)
    with (
        pytest.raises(NoNodeError, match="disk, where locks of others may not be seen"),
        resume_lock.claimed(part, tmp_path, force=False, far=every_disk),
    ):
        pass
    with resume_lock.claimed(part, tmp_path, force=True, far=every_disk) as note:
        note(part.run)


MOUNTS = r"""
/dev/vda1 / ext4 rw 0 0
tmpfs /tmp tmpfs rw 0 0
systemd-1 /mnt/data autofs rw 0 0
server:/data /mnt/data nfs4 rw 0 0
//server/docs /mnt/my\040docs cifs rw 0 0
torn
"""


@pytest.mark.parametrize(
    ("file", "kind"),
    {
        "/home/me/a": "ext4",
        "/tmp/a": "tmpfs",
        "/tmpfile": "ext4",
        "/mnt/data/a": "nfs4",
        "/mnt/my docs/a": "cifs",
        "/mnt/my": "ext4",
    }.items(),
)
def test_a_disk_is_of_the_kind_of_the_innermost_and_newest_mount(file, kind):
    assert resume_lock._kind_in(MOUNTS, file) == kind


def test_two_that_resume_at_once_pay_once(tmp_path):
    cut(tmp_path)
    part = recorded(tmp_path)
    with resume_lock.claimed(part, tmp_path, force=False) as note:
        with (
            pytest.raises(NoNodeError, match="is being resumed by another"),
            resume_lock.claimed(part, tmp_path, force=False),
        ):
            pass
        note("the-other")
    with (
        pytest.raises(NoNodeError, match="was resumed already, as the-other"),
        resume_lock.claimed(part, tmp_path, force=False),
    ):
        pass


def test_q58_a_resume_killed_before_its_name_is_noted_counts(tmp_path):
    cut(tmp_path)
    part = recorded(tmp_path)
    models = {"scripted": ScriptedModel(["<Title of b>"])}
    with (
        Journal(tmp_path) as journal,
        Runtime([two], models=models, sink=journal) as runtime,
        resume_lock.claimed(part, tmp_path, force=False),
    ):
        # As `resume` does it, but for the line that notes the name.
        runtime.invoke(None, two, {}, cursor=Onward(layers_of(part))).wait()
    (now,) = {name for name in names(tmp_path) if name != part.run}

    assert unfinished.went_on_as(tmp_path, part.run) == now
    assert unfinished.left_behind(tmp_path) == []
    with (
        Journal(tmp_path / "other") as journal,
        pytest.raises(NoNodeError, match=f"was resumed already, as {now}"),
    ):
        resumed(part, journal)


def names(folder):
    return {row["run"] for path in files(folder) for row in check(path).rows if "seq" in row}


def test_of_another_notebook_nothing_is_left_behind(tmp_path):
    cut(tmp_path)

    assert unfinished.left_behind(tmp_path) == [recorded(tmp_path).run]
    assert unfinished.left_behind(tmp_path, "other.ipynb") == []


def test_q58_a_claim_says_where_the_run_goes_on_as_it_did_before(tmp_path):
    cut(tmp_path)
    part = recorded(tmp_path)
    with resume_lock.claimed(part, tmp_path, force=False):
        pass

    # Records that were written before say so in these words.
    assert (tmp_path / "resumed" / part.run).read_text() == f"begins in {tmp_path}\n"


def test_q58_q59_a_resume_that_never_began_takes_nothing(tmp_path):
    cut(tmp_path)
    part = recorded(tmp_path)
    with resume_lock.claimed(part, tmp_path, force=False):
        pass  # noted, and nothing of it is in the record

    assert unfinished.left_behind(tmp_path) == [part.run]
    with Journal(tmp_path) as journal:
        assert resumed(part, journal) == ["<Title of a>", "<Title of b>"]
    assert unfinished.left_behind(tmp_path) == []


def test_q59_a_resume_that_is_refused_leaves_the_run_listed(tmp_path):
    cut(tmp_path)
    part = recorded(tmp_path)
    with (
        Journal(tmp_path) as journal,
        Runtime([title], sink=journal) as runtime,
        pytest.raises(FunctionError),
    ):
        resume(runtime, part, two)  # nobody here answers for its model

    assert unfinished.left_behind(tmp_path) == [part.run]


_told = []


def _tell(event, args):
    if event == "open" and _told:
        _told[0](args[0])


sys.addaudithook(_tell)


@contextlib.contextmanager
def packed_at(number, path):
    """Pack a file just before it is opened for the nth time. Gives how often it was opened."""
    opened = []

    def tell(name):
        if str(name) == str(path):
            opened.append(name)
            if len(opened) == number:
                _told.clear()
                compact(path.parent)
                assert not path.exists()

    _told.append(tell)
    try:
        yield opened
    finally:
        _told.clear()


@pytest.mark.slow
def test_q57_a_file_that_is_packed_meanwhile_is_found_where_it_is(tmp_path):
    for number in range(1, 50):
        folder = tmp_path / str(number)
        path = cut(folder)
        run = names(folder).pop()

        with packed_at(number, path) as opened, Journal(tmp_path / "other") as journal:
            assert resumed(Recording(folder, run), journal) == ["<Title of a>", "<Title of b>"]

        if len(opened) < number:
            break
    assert 2 < number < 49


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
