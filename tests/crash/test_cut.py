"""A record cut at every line, gone on with: the whole run's value, and nothing done twice."""

import shutil
import threading
from collections import Counter
from dataclasses import dataclass, field

import pytest

from netflux_nb import Approvals, Runtime, agent, function, gather
from netflux_nb.again.recording import Recording
from netflux_nb.again.replay import resume, run_of
from netflux_nb.core.errors import ArgumentError, RecordError
from netflux_nb.core.events import EffectStarted, NodeClosed, RequestEnded
from netflux_nb.core.lines import event_from_json
from netflux_nb.core.messages import ToolResultPart, ToolUsePart
from netflux_nb.record.chain import whole
from netflux_nb.record.journal import Journal
from netflux_nb.record.reading import check, fetcher, files
from netflux_nb.scale.mapping import map_of
from netflux_nb.testing import ScriptedModel, Turn, call

done: list[str] = []
guard = threading.Lock()


def note(what):
    with guard:
        done.append(what)


@function
def measure(name: str) -> int:
    """Measure a text."""
    return len(name)


@function(effect="files")
def write(name: str) -> str:
    """Write a name down."""
    note(f"write {name}")
    return f"wrote {name}"


@function(effect="files", idempotent=True)
def put(name: str) -> str:
    """Put a name where it may stand already."""
    note(f"put {name}")
    return f"put {name}"


@function(effect="mail", needs_approval=True)
def send(to: str) -> str:
    """Send something that a person has to allow."""
    note(f"send {to}")
    return f"sent {to}"


look = agent("look(name: str)", "Look at {name}", uses=[measure, write], model="scripted")
mail = agent("mail(to: str)", "Mail {to}", uses=[send], model="scripted")
lead = agent("lead(names: list[str])", "Lead {names}", uses=[look, measure], model="scripted")


@function(uses=[look, put])
def fan(names: list[str]) -> list[str]:
    """Look at all at once."""
    put(name="begin")
    return gather(*(look.start(name=n) for n in names))


@function(uses=[write, put, measure])
def acting(names: list[str]) -> list[str]:
    """Act on each."""
    told = []
    for name in names:
        told += [write(name=name), put(name=name), str(measure(name=name))]
    return told


@function(uses=[mail, send])
def asking(names: list[str]) -> list[str]:
    """Ask a person about each."""
    return [send(to="all"), *(mail(to=n) for n in names)]


def answer(request):
    """Have each text measured and written, then say what it is."""
    first = request.parts[0].text
    what, _, name = first.partition(" ")
    turns = sum(isinstance(p, ToolResultPart) for p in request.parts)
    if what == "Mail":
        return "mailed " + name if turns else call("send", to=name)
    if what == "Lead":
        if turns:
            return "led " + ", ".join(
                str(p.outputs) for p in request.parts if isinstance(p, ToolResultPart)
            )
        return Turn(
            text="I begin.",
            calls=[call("look", name="x"), call("look", name="y"), call("measure", name="z")],
        )
    if turns:
        return f"seen {name}"
    return Turn(
        text=f"I look at {name}.", calls=[call("measure", name=name), call("write", name=name)]
    )


SHAPES = {
    "one agent with tools": (look, {"name": "a"}),
    "fan-out": (fan, {"names": ["a", "b", "c"]}),
    "nested agents": (lead, {"names": ["x"]}),
    "map": (map_of(look), {"rows": [{"name": n} for n in "abc"], "models": []}),
    "effects": (acting, {"names": ["a", "b"]}),
    "approvals": (asking, {"names": ["a", "b"]}),
}


@dataclass
class World:
    """What models were asked and people said while something ran."""

    asked: list[tuple[str, int]] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)

    def reply(self, request):
        with guard:
            self.asked.append((request.node_key, request.nth))
        return answer(request)

    def run(self, folder, begin):
        """Run it in this folder, with somebody who says yes to all. Give its value and record."""
        done.clear()
        with (
            Journal(folder) as journal,
            Runtime(
                [look, mail, lead, fan, acting, asking, map_of(look)],
                models={"scripted": ScriptedModel(self.reply)},
                sink=journal,
                policies=[Approvals()],
            ) as runtime,
        ):
            runtime.gate.on_question(lambda node: self.yes(runtime, node))
            node = begin(runtime)
            value = node.result(timeout=60)
            return value, Recording(folder, run_of(runtime, node))

    def yes(self, runtime, node):
        with guard:
            self.questions.append(node.held.on.what)
        node.approve(by="ann")


def lines_of(recording):
    (path,) = [p for p in files(recording.folder) if recording.run.startswith(p.stem)]
    return path, path.read_bytes().splitlines(keepends=True)


def events_in(folder):
    fetch = fetcher(folder)
    return [
        event_from_json(whole(row, fetch))
        for path in files(folder)
        for row in check(path).rows
        if "seq" in row
    ]


def cut_at(number, recording, folder):
    path, lines = lines_of(recording)
    shutil.copytree(recording.folder, folder)
    (folder / path.name).write_bytes(b"".join(lines[:number]))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_q6_q56_a_record_cut_at_any_line_goes_on_to_the_same_value(shape, tmp_path):
    fn, inputs = SHAPES[shape]
    value, was = World().run(tmp_path / "whole", lambda rt: rt.invoke(None, fn, inputs))
    _, lines = lines_of(was)
    effects = Counter(done)
    for number in range(1, len(lines)):
        folder = tmp_path / f"cut{number}"
        cut_at(number, was, folder)
        try:
            part = Recording(folder, was.run)
        except (ArgumentError, RecordError):
            continue  # its root is not there yet
        if part.root.outcome:
            continue  # the run's own end is there
        told = events_in(folder)
        keys = {node.key: node for node in part.nodes.values()}
        ids = {node_id: node.key for node_id, node in part._by_id.items()}
        nth = Counter()
        had = set()
        for event in told:
            if isinstance(event.body, RequestEnded):
                had.add((ids[event.node_id], nth[event.node_id]))
                nth[event.node_id] += 1
        ended = {e.node_id for e in told if isinstance(e.body, NodeClosed)}
        began = {e.node_id for e in told if isinstance(e.body, EffectStarted)}
        finished = Counter(_act(keys[ids[n]]) for n in began & ended)
        doubted = Counter(_act(keys[ids[n]]) for n in began - ended)
        world = World()
        try:
            now, again = world.run(folder, lambda rt, part=part: resume(rt, part, fn))
        except ArgumentError:
            assert len(told) == 1, "only a run that never began is refused"
            continue

        assert now == value, f"cut after line {number}"
        assert not had & set(world.asked), f"paid twice, cut after line {number}"
        assert Counter(done) == effects - finished, f"cut after line {number}"
        unsure = [q for q in world.questions if q.startswith("write(")]
        assert len(unsure) == sum(n for what, n in doubted.items() if what.startswith("write"))
        assert again.root.outcome == "success"
        shutil.rmtree(folder)


def _act(node):
    return f"{node.fn_name} {next(iter(node.opened.inputs.values()))}"


def test_q6_a_reply_is_one_line(tmp_path):
    _, was = World().run(tmp_path, lambda rt: rt.invoke(None, look, {"name": "a"}))

    replies = [e.body for e in events_in(tmp_path) if isinstance(e.body, RequestEnded)]

    assert [type(p) for p in replies[0].parts][1:] == [ToolUsePart, ToolUsePart]
    assert [p for r in replies for p in r.parts] == [
        p for p in was.view.transcript if not isinstance(p, ToolResultPart)
    ][1:]
