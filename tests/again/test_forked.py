"""A run that is a fork: what it changed is recorded, and holds wherever it is run again."""

import pytest

import netflux_nb
from netflux_nb import NodeState, Runtime, agent, function, open_run, session
from netflux_nb.run import Run
from netflux_nb.testing import ScriptedModel

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
    monkeypatch.setattr(session, "_default", [])
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
