"""A run that is a fork: what it changed is recorded, and holds wherever it is run again."""

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pandas as pd
import pytest

import netflux_nb
from netflux_nb import (
    ArgumentError,
    NodeState,
    NoNodeError,
    Runtime,
    agent,
    function,
    open_run,
    session,
)
from netflux_nb.core.errors import RecordError
from netflux_nb.core.events import Event, RunBegan
from netflux_nb.core.functions.versions import Version
from netflux_nb.core.json.lines import event_from_json, event_to_json
from netflux_nb.core.policy import Change
from netflux_nb.record.codecs.artifacts import Artifacts
from netflux_nb.replay.as_test import write_test
from netflux_nb.replay.fork_changes import MOST_PATH, brief
from netflux_nb.replay.program import forked_in, program_of
from netflux_nb.replay.rerun import Unchanged
from netflux_nb.run import Run
from netflux_nb.testing import ScriptedModel, call

acted = []


@function(effect="mail")
def send(what: str) -> str:
    """Reach outside."""
    acted.append(what)
    return f"sent {what}"


title = agent("title(text: str)", "Title of {text}", model="scripted")
other = agent("other(text: str)", "Other of {text}", model="scripted")


@function(uses=[title, other, send])
def study(texts: list[str]) -> list[str]:
    """Name texts one after the other."""
    named = []
    for text in texts:
        named.append(title(text=text))
        send(what=text)
    return named


class Stage:
    """A folder of runs, and a model that says what it was asked and may fail once."""

    def __init__(self, runtime):
        self.asked = []
        self.fails = ""
        self.runtime = runtime

    def answer(self, request):
        text = f"{request.parts[0].text}{' as ' + request.model if request.model else ''}"
        self.asked.append(text)
        if text == self.fails:
            raise RuntimeError("no answer")
        return f"<{text}>"

    def failed(self, begin, at):
        """Begin a run whose model fails at a question; give it as the record has it."""
        self.fails = at
        run = begin().wait()
        assert run.state is NodeState.Error, run.result()
        self.fails = ""
        return self.paid(run)

    def paid(self, run):
        """Give a run as the record has it, with nothing asked so far."""
        run.wait()
        self.asked.clear()
        acted.clear()
        return Run(run.folder, run.id)


@pytest.fixture
def stage(tmp_path, monkeypatch):
    monkeypatch.setenv("NETFLUX_HOME", str(tmp_path / "store"))
    made = Stage(None)
    with Runtime(is_open=True, models={"scripted": ScriptedModel(made.answer)}) as runtime:
        netflux_nb.use(runtime)
        made.runtime = runtime
        yield made
    session.close_records()


PLACE = "study/title[2]"
TEXTS = ["a", "b", "c"]
CHANGES = {
    "args": ({"args": {"text": "z"}}, "Title of z"),
    "prompt": ({"prompt": "Name of {text}"}, "Name of b"),
    "model": ({"model": "scripted:big"}, "Title of b as big"),
    "fn": ({"fn": other}, "Other of b"),
    "all": ({"fn": other, "prompt": "X {text}", "args": {"text": "z"}}, "X z"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_p8_a_fork_is_replayed_with_its_change(stage, tmp_path, name):
    change, asked = CHANGES[name]
    run = stage.paid(study.start(TEXTS))
    fork = stage.paid(run.node(PLACE).fork(**change, root=study))
    assert fork.result() == ["<Title of a>", f"<{asked}>", "<Title of c>"]

    for one in (fork, open_run(fork.export(tmp_path / "fork.nfrun"))):
        done = one.replay(study)
        assert done.is_same, str(done)
        assert done.diff.is_same
        assert not done.changed
    assert (stage.asked, acted) == ([], [])


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("is_made", [False, True])
def test_p8_a_fork_that_was_cut_off_goes_on_with_its_change(stage, name, is_made):
    change, asked = CHANGES[name]
    run = stage.paid(study.start(TEXTS))
    # Before the change nothing is live, so it is the changed call itself that fails.
    at = "Title of c" if is_made else asked
    fork = stage.failed(lambda: run.node(PLACE).fork(**change, root=study), at)

    again = fork.resume(study)

    assert again.result() == ["<Title of a>", f"<{asked}>", "<Title of c>"]
    assert stage.asked == ["Title of c"] if is_made else [asked, "Title of c"]
    assert acted == ["c"] if is_made else ["b", "c"]
    assert again.replay(study).is_same


def test_p8_a_change_below_a_call_that_is_served_whole_is_not_missed(stage):
    @function(uses=[title])
    def chapter(text: str) -> str:
        return title(text=text)

    @function(uses=[chapter, title])
    def book() -> list[str]:
        return [chapter(text="a"), title(text="b")]

    run = stage.paid(book.start())
    begin = lambda: run.node("book/chapter/title").fork(args={"text": "z"}, root=book)  # noqa: E731
    fork = stage.failed(begin, "Title of b")

    again = fork.resume(book)

    assert again.result() == ["<Title of z>", "<Title of b>"]
    assert stage.asked == ["Title of b"]


def test_p8_a_fork_of_a_fork_keeps_both_changes(stage):
    run = stage.paid(study.start(TEXTS))
    first = stage.paid(run.node(PLACE).fork(prompt="Name of {text}", root=study))
    second = first.node("study/title[3]").fork(args={"text": "z"}, root=study)
    assert second.result() == ["<Title of a>", "<Name of b>", "<Title of z>"]
    assert stage.asked == ["Title of z"]

    stage.paid(second)
    third = second.node(PLACE).fork(model="scripted:big", root=study)
    assert third.result() == ["<Title of a>", "<Name of b as big>", "<Title of z>"]
    assert third.replay(study).is_same


@pytest.mark.parametrize("name", CHANGES)
def test_p16_a_rerun_of_a_fork_keeps_its_change(stage, name):
    change, asked = CHANGES[name]
    run = stage.paid(study.start(TEXTS))
    fork = stage.failed(lambda: run.node(PLACE).fork(**change, root=study), "Title of c")

    again = fork.rerun(study)

    assert again.result() == ["<Title of a>", f"<{asked}>", "<Title of c>"]
    assert stage.asked == ["Title of c"]


def test_a_fork_tells_what_it_changed(stage):
    run = stage.paid(study.start(TEXTS))
    first = stage.paid(run.node(PLACE).fork(prompt="Name of {text}", root=study))
    at = "Title of z as big"
    second = stage.failed(
        lambda: first.node("study/title[3]").fork(
            args={"text": "z"}, model="scripted:big", root=study
        ),
        at,
    )
    told = ("'study/title[2]': prompt", "'study/title[3]': model scripted:big, text=…")
    assert second.served.changed == told
    again = second.resume(study)
    assert again.wait().served.changed == told
    assert f"changed: {told[0]}" in str(again.served)
    assert again.result() == ["<Title of a>", "<Name of b>", f"<{at}>"]


def test_a_fork_of_the_root_goes_on_as_it_was_changed(stage):
    @function(name="study", uses=[title, other, send])
    def backwards(texts: list[str]) -> list[str]:
        return [title(text=text) for text in reversed(texts)]

    run = stage.paid(study.start(TEXTS))
    begin = lambda: run.fork(fn=backwards, root=study, args={"texts": ["x", "y"]})  # noqa: E731
    fork = stage.failed(begin, "Title of x")
    again = fork.resume()
    assert again.result() == ["<Title of y>", "<Title of x>"]
    assert stage.asked == ["Title of x"]
    assert stage.paid(again).rerun(texts=["x"]).result() == ["<Title of x>"]
    # What its own call gave was changed first, and a fork of that is given with it.
    other_one = again.fork(args={"texts": ["y", "x"]})
    assert other_one.result() == ["<Title of x>", "<Title of y>"]
    assert other_one.replay().is_same


def test_a_prompt_of_a_root_is_kept(stage):
    run = stage.paid(title.start("a"))
    changes = {"prompt": "Name of {text}", "system": "Be short.", "args": {"text": "b"}}
    fork = stage.paid(run.fork(**changes, root=title))
    assert fork.result() == "<Name of b>"
    assert fork.replay(title).is_same
    assert fork.fork(args={"text": "c"}, root=title).result() == "<Name of c>"
    assert stage.paid(fork.rerun(title, text="d")).result() == "<Name of d>"


def test_only_what_a_fork_changed_is_given_again(stage):
    run = stage.paid(title.start("a"))
    fork = stage.paid(run.fork(prompt="Name of {text}", root=title))
    path = fork.recording.changes[0][0].path

    for one, given, why in (
        (run, {path: {}}, "this run is no fork."),
        (fork, {"other": {}}, f"There is: {path!r}."),
        (fork, [path], "are what a fork changed"),
        (fork, {path: {"odd": 1}}, "is given by name, such as"),
        (fork, {path: "fn"}, "is given by name, such as"),
    ):
        with pytest.raises(ArgumentError, match=re.escape(why)):
            program_of(one.recording, title, given, how="replay")
    assert program_of(fork.recording, title, {path: {}}, how="replay").changes


def test_a_rerun_says_how_often_a_call_would_be_served(stage):
    cursor = Unchanged(stage.paid(title.start("a")).recording)
    odd = agent("title(text: str)", "Title of {text}", model="scripted", settings={"x": print})

    assert cursor.holds(title, {"text": "a"}, "scripted", None) == 1
    assert cursor.holds(title, {"text": "b"}, "scripted", None) == 0
    assert cursor.holds(odd, {"text": "a"}, "scripted", None) == 0


def test_a_change_in_what_an_agent_calls_is_kept(stage):
    lead = agent("lead(x: str)", "Lead {x}", uses=[title], model="scripted")

    def answer(request):
        text = request.parts[0].text
        if not text.startswith("Lead"):
            return stage.answer(request)
        said = len([one for one in request.parts if type(one).__name__ == "ToolResultPart"])
        stage.asked.append(f"{text} {said}")
        if stage.asked[-1] == stage.fails:
            raise RuntimeError("no answer")
        return "done" if said == 3 else call("title", text="abc"[said])

    with Runtime(is_open=True, models={"scripted": ScriptedModel(answer)}) as runtime:
        netflux_nb.use(runtime)
        run = stage.paid(lead.start("x"))
        begin = lambda: run.node("lead/title[2]").fork(args={"text": "z"})  # noqa: E731
        fork = stage.failed(begin, "Lead x 3")
        again = fork.resume(lead).wait()
        assert stage.asked == ["Lead x 3"]
        assert [n.inputs["text"] for n in again.view().children] == ["a", "z", "c"]
        assert again.replay(lead).is_same


def test_p16_what_is_defined_anew_holds_in_a_rerun_of_a_fork(stage):
    def made(prompt):
        name = agent("name(x: str)", prompt, model="scripted")

        @function(uses=[name])
        def both(x: str) -> list[str]:
            return [name(x=x), name(x="other")]

        return both

    first = made("Name {x}")
    run = stage.paid(first.start("a"))
    changes = {"prompt": "Call {x}", "args": {"x": "b"}}
    fork = stage.paid(run.node("both/name").fork(**changes, root=first))
    assert fork.result() == ["<Call b>", "<Name other>"]

    later = made("Nennt {x}")
    again = fork.rerun(later)

    assert again.result() == ["<Nennt b>", "<Nennt other>"]
    assert "name(): defined anew since the fork: its own prompts hold" in str(again.served)
    assert again.replay(later).is_same
    # A replay is of that run, with what it changed.
    assert not fork.replay(later).is_same
    assert fork.replay(first).is_same


class Odd:
    """What no record holds."""

    def __repr__(self):
        return "<odd>"


@function
def take(what: object) -> str:
    """Take anything."""
    return str(what)


@function(uses=[take, title])
def taking() -> list[str]:
    """Take, and think."""
    return [take(what="a"), title(text="end")]


@pytest.mark.parametrize("how", ["resume", "replay", "rerun", "fork"])
def test_a_change_that_no_record_holds_is_asked_for(stage, how):
    run = stage.paid(taking.start())
    path = "taking/take"
    begin = lambda: run.node(path).fork(args={"what": Odd()}, root=taking)  # noqa: E731
    fork = stage.failed(begin, "Title of end")
    again = getattr(fork.node("taking/title") if how == "fork" else fork, how)
    root = {"root": taking} if how == "fork" else {"fn": taking}

    with pytest.raises(ArgumentError, match=rf"'{path}' is neither .* argument 'what'.*`{how}\(c"):
        again(**root)
    assert stage.asked == []
    done = again(**root, changes={path: {"args": {"what": Odd()}}})
    if how == "replay":
        assert done.is_same, str(done)
    else:
        assert done.result() == ["<odd>", "<Title of end>"]


def test_another_function_of_the_same_name_is_known_by_its_version(stage):
    def made(prompt):
        return agent("title(text: str)", prompt, model="scripted")

    run = stage.paid(study.start(TEXTS))
    held = [made("New title of {text}")]
    begin = lambda: run.node(PLACE).fork(fn=held[0], root=study)  # noqa: E731
    fork = stage.failed(begin, "Title of c")
    assert fork.replay(study).is_same

    stage.runtime.register(title)
    held[0].user_prompt_template = "Newer title of {text}"  # as if it were defined again
    with pytest.raises(ArgumentError, match=r"title\(\) of version \w{8}.*`resume\(changes="):
        fork.resume(study)
    given = {PLACE: {"fn": made("New title of {text}")}}
    again = fork.resume(study, changes=given)
    assert again.result() == ["<Title of a>", "<New title of b>", "<Title of c>"]
    with pytest.raises(ArgumentError, match=r"There is: 'study/title\[2\]'"):
        fork.replay(study, changes={"study/title[3]": {}})


def test_with_other_arguments_above_it_a_changed_call_is_another_one(stage):
    run = stage.paid(study.start(TEXTS))
    fork = stage.paid(run.node(PLACE).fork(prompt="Name of {text}", root=study))
    for again in (
        lambda: fork.rerun(study, texts=["a", "b"]),
        lambda: fork.fork(args={"texts": ["a"]}, root=study),
    ):
        with pytest.raises(ArgumentError, match=r"changed 'study/title\[2\]': with other argum"):
            again()
    assert stage.asked == []


def test_a_key_in_a_change_stays_out_of_the_record_and_is_asked_for(stage, monkeypatch):
    monkeypatch.setenv("DOOR_KEY", "open sesame 7")
    run = stage.paid(study.start(TEXTS))
    change = {"prompt": "Say open sesame 7 to {text}", "args": {"text": "sk-ant-" + "x" * 30}}
    asked = f"Say open sesame 7 to {change['args']['text']}"
    fork = stage.failed(lambda: run.node(PLACE).fork(**change, root=study), asked)
    lines = b"".join(p.read_bytes() for p in fork.folder.rglob("*") if p.is_file())
    assert b"open sesame" not in lines
    assert b"xxxxxxxx" not in lines
    with pytest.raises(ArgumentError, match="the argument 'text', the prompt, of which a key"):
        fork.resume(study)
    again = fork.resume(study, changes={PLACE: change})
    assert again.result()[1] == f"<{asked}>"
    assert again.replay(study).is_same


def test_a_fork_of_which_the_record_does_not_tell_the_change_is_refused(stage):
    run = stage.paid(study.start(TEXTS))
    fork = stage.paid(run.node(PLACE).fork(prompt="Name of {text}", root=study))
    fork.recording.changes.clear()  # as it was recorded once
    with pytest.raises(ArgumentError, match=rf"does not tell what it changed. Fork run {run.id}"):
        fork.replay(study)


def test_a_bundle_with_a_run_and_its_fork_serves_the_run(stage, tmp_path):
    run = stage.paid(study.start(TEXTS))
    fork = stage.paid(run.node(PLACE).fork(prompt="Name of {text}", root=study))
    both = netflux_nb.runs.export(tmp_path / "both.nfrun")
    with netflux_nb.serve(both):
        assert study(TEXTS) == study(TEXTS) == run.result()
    with netflux_nb.serve(fork.export(tmp_path / "fork.nfrun")):
        assert study(TEXTS) == fork.result()


stops = {"at": ""}


@function(uses=[title])
def walk(texts: list[str]) -> list[str]:
    """Name texts, as far as one gets."""
    named = []
    for text in texts:
        if text == stops["at"]:
            raise RuntimeError("stopped")
        named.append(title(text=text))
    return named


@pytest.mark.parametrize("how", ["resume", "fork"])
def test_what_goes_on_from_a_bundle_and_is_cut_off_needs_the_bundle(
    stage, tmp_path, monkeypatch, how
):
    stops["at"] = "c"
    run = stage.paid(walk.start(TEXTS))
    path = run.export(tmp_path / "walk.nfrun")
    run.delete()
    stops["at"] = "a"
    opened = open_run(path)
    again = opened.resume(walk) if how == "resume" else opened.node("walk/title[2]").fork(root=walk)
    cut = stage.paid(again)
    stops["at"] = ""

    session.here.bundles.clear()  # as it is in another process
    with pytest.raises(NoNodeError, match=r"the bundle 'walk\.nfrun'. `open_run` that first"):
        cut.resume(walk)
    open_run(path)
    assert cut.resume(walk).result() == [f"<Title of {text}>" for text in TEXTS]
    assert stage.asked == ["Title of c"] if how == "resume" else ["Title of b", "Title of c"]


def test_a_change_of_any_size_and_kind_is_in_the_record_and_in_a_bundle(stage, tmp_path):
    @function
    def wide(frame: object) -> int:
        return len(frame)

    @function(uses=[title, wide])
    def both() -> list:
        return [title(text="a"), wide(frame=pd.DataFrame({"x": [1]}))]

    run = stage.paid(both.start())
    first = run.node("both/title").fork(prompt="x" * 40_000 + "{text}", root=both).wait()
    frame = pd.DataFrame({"x": range(5_000)})
    second = stage.paid(first.node("both/wide").fork(args={"frame": frame}, root=both))
    assert second.result()[1] == 5_000
    for one in (second, open_run(second.export(tmp_path / "fork.nfrun"))):
        done = one.replay(both)
        assert done.is_same, str(done)
    lines = [line for path in run.folder.glob("*.jsonl") for line in path.read_text().splitlines()]
    assert max(map(len, lines)) < 40_000


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": 1},
        {"key": None},
        {"fn": 7},
        {"fn": "f", "kind": None},
        {"inputs": [1]},
        {"prompt": {}},
        {"provider": []},
        {"above": 3},
        None,
    ],
)
def test_a_change_that_somebody_made_up_is_no_event(wrong):
    change = Change(
        "k", title, {"text": "a"}, "scripted", "p", "s", "a", "study/title", Version("v")
    )
    row = event_to_json(Event(1, 2.0, 3, RunBegan({}, (change,))))
    assert event_from_json(row).body.changes[0].path == "study/title"
    row["changes"] = [{**row["changes"][0], **wrong}] if wrong else "abc"
    with pytest.raises(ArgumentError, match="is no event"):
        event_from_json(row)


PROGRAM = """
import os, signal
from netflux_nb import agent, function
from netflux_nb.testing import ScriptedModel, call

title = agent("title(text: str)", "Title of {text}", model="scripted")
better = agent("title(text: str)", "Better title of {text}", model="scripted")

@function(uses=[title])
def study(texts: list) -> list:
    named = []
    for text in texts:
        if os.environ.get("KILL_AT") == text:
            os.kill(os.getpid(), signal.SIGKILL)
        named.append(title(text=text))
    return named

def answer(request):
    text = request.parts[0].text
    with open(os.environ["ASKED"], "a") as file:
        file.write(text + "\\n")
    return f"<{text}>"

model = ScriptedModel(answer)
"""


def python(folder, code, **variables):
    """Run a program in a process of its own; give how it ended, and what it printed last."""
    begin = "import os, netflux_nb\nfrom netflux_nb import runs, use\nimport program\n"
    text = f"{begin}use(scripted=program.model)\n{textwrap.dedent(code)}"
    done = subprocess.run(
        [sys.executable, "-c", text],
        cwd=folder,
        env={
            **os.environ,
            "NETFLUX_HOME": str(folder / "store"),
            "ASKED": str(folder / "asked.txt"),
            "PYTHONPATH": os.pathsep.join([str(folder), str(Path(__file__).parents[2])]),
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = done.stdout.splitlines()
    return done.returncode, lines[-1] if lines else done.stderr


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("kill_at", ["b", "c"])
def test_p8_a_fork_whose_process_was_killed_goes_on_with_its_change(tmp_path, kill_at):
    (tmp_path / "program.py").write_text(PROGRAM)
    code, said = python(
        tmp_path,
        f"""
        run = program.study.start(["a", "b", "c"]).wait()
        os.environ["KILL_AT"] = {kill_at!r}
        run.node("study/title[2]").fork(fn=program.better, args={{"text": "z"}}).wait()
        """,
    )
    assert code == -9, said
    code, said = python(
        tmp_path,
        """
        import json
        again = runs.last.resume(program.study)
        result = again.result()
        again.export("fork.nfrun")
        print(json.dumps([result, again.replay(program.study).is_same]))
        """,
    )
    assert code == 0, said
    assert json.loads(said) == [["<Title of a>", "<Better title of z>", "<Title of c>"], True]
    asked = (tmp_path / "asked.txt").read_text().splitlines()
    assert asked == [*(f"Title of {t}" for t in "abc"), "Better title of z", "Title of c"]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_p8_a_fork_becomes_a_test_that_fails_when_behaviour_changes(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    begin = """
    import runpy
    def run(path):
        tests = [do for name, do in runpy.run_path(path).items() if name.startswith("test_")]
        try:
            tests[0]()
        except AssertionError as error:
            return f"failed: {error}".splitlines()[-1]
        return path
    """
    code, said = python(
        tmp_path,
        f"""{begin}
    done = program.study.start(["a", "b"]).wait()
    fork = done.node("study/title[2]").fork(fn=program.better, system="Be short.").wait()
    print(run(fork.as_test("cassettes")))
    """,
    )
    assert (code, said[:10]) == (0, "cassettes/"), said
    path.write_text(PROGRAM.replace("Better title", "Best title"))
    code, said = python(tmp_path, f"{begin}\n    print(run({said!r}))")
    assert "title() has changed" in said


def test_a_long_path_is_told_by_its_end():
    assert brief("a" * MOST_PATH) == repr("a" * MOST_PATH)
    assert brief("b" + "a" * MOST_PATH) == repr("…" + "a" * MOST_PATH)


def test_what_a_fork_called_otherwise_is_named_from_its_record_and_nothing_else(stage):
    run = stage.paid(study.start(TEXTS))
    fork = stage.paid(run.node(PLACE).fork(prompt="Name of {text}", root=study))

    assert forked_in(run.recording) == frozenset()
    assert {name for name, _ in forked_in(fork.recording)} == {"title"}
    assert len(forked_in(fork.recording)) == 2, "it was called as it is, and as it was changed"


def test_a_test_of_a_run_stands_in_a_new_folder_beside_its_bundle(stage, tmp_path):
    run = stage.paid(title.start("a"))
    program = program_of(run.recording, title, None, how="replay")
    folder = tmp_path / "new" / "cassettes"

    for _ in range(2):
        test = write_test(folder, program, "20261130-12-ab.1", lambda path: path)

    assert test.name == "test_title_20261130_12_ab_1.py"
    code = test.read_text()
    compile(code, test.name, "exec")
    assert re.search(r"^from [\w.]*test_\w+ import title$", code, re.MULTILINE)
    assert "def test_title_20261130_12_ab_1():" in code
    assert '"title_20261130_12_ab_1.nfrun").replay(title)' in code


def test_an_artifact_that_is_not_of_its_kind_is_a_record_error(stage):
    recording = stage.paid(title.start("a")).recording
    digest = Artifacts(recording.folder).put(b"no json")
    with pytest.raises(RecordError, match=f"Artifact {digest[:12]} is no json: "):
        recording._fetch("json", digest)
