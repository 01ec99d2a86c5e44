"""A record cut at every line, gone on with: the whole run's value, and nothing done twice."""

import json
import shutil
import threading
from collections import Counter
from dataclasses import dataclass, field
from queue import SimpleQueue

import pytest

from netflux_nb import Approvals, Runtime, agent, function, gather
from netflux_nb.core.errors import ArgumentError, RecordError
from netflux_nb.core.events import EffectStarted, NodeClosed, RequestEnded
from netflux_nb.core.json.lines import event_from_json
from netflux_nb.core.messages import ToolResultPart, ToolUsePart
from netflux_nb.record.chain import hash_of, join_artifacts, line_of, words_of
from netflux_nb.record.journal import Journal
from netflux_nb.record.reading import check, fetcher, files
from netflux_nb.record.unfinished import RESUMED
from netflux_nb.replay.begin import resume
from netflux_nb.replay.recording import Recording
from netflux_nb.studies.mapping import map_of
from netflux_nb.testing import ScriptedModel, Turn, call

guard = threading.Lock()


def note(what):
    with guard:
        note.done.append(what)


# Not a global of its own: what such a list holds is part of the version of who uses it.
note.done = []


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
        note.done.clear()
        with (
            Journal(folder) as journal,
            Runtime(
                [look, mail, lead, fan, acting, asking, map_of(look)],
                models={"scripted": ScriptedModel(self.reply)},
                sink=journal,
                policies=[Approvals()],
            ) as runtime,
        ):
            # A person is outside of what runs.
            asked = SimpleQueue()
            runtime.gate.on_question(asked.put)
            person = threading.Thread(target=lambda: [self.yes(n) for n in iter(asked.get, None)])
            person.start()
            try:
                node = begin(runtime)
                value = node.result(timeout=60)
            finally:
                asked.put(None)
                person.join(60)
            return value, Recording(folder, runtime.run_name(node))

    def yes(self, node):
        with guard:
            self.questions.append(node.held.on.what)
        node.approve(by="ann")


def lines_of(recording):
    (path,) = [p for p in files(recording.folder) if recording.run.startswith(p.stem)]
    return path, path.read_bytes().splitlines(keepends=True)


def events_in(folder):
    fetch = fetcher(folder)
    return [
        event_from_json(join_artifacts(row, fetch))
        for path in files(folder)
        for row in check(path).rows
        if "seq" in row
    ]


def cut_at(number, recording, folder):
    path, lines = lines_of(recording)
    shutil.copytree(recording.folder, folder)
    (folder / path.name).write_bytes(b"".join(lines[:number]))


@dataclass
class Known:
    """What the runs of a folder tell of requests and effects, by the keys of Nodes."""

    answered: set = field(default_factory=set)
    finished: dict = field(default_factory=dict)
    begun: dict = field(default_factory=dict)

    @property
    def doubted(self):
        return [act for key, act in self.begun.items() if key not in self.finished]


def known_in(folder):
    found = Known()
    for run in dict.fromkeys(r["run"] for p in files(folder) for r in check(p).rows if "seq" in r):
        recording = Recording(folder, run)
        nodes = dict(recording._by_id.items())
        acts = {
            i: f"{n.fn_name} {next(iter(n.opened.inputs.values()))}"
            for i, n in nodes.items()
            if n.opened.inputs
        }
        nth = Counter()
        for event in recording.events:
            node = nodes[event.node_id]
            match event.body:
                case RequestEnded():
                    found.answered.add((node.key, nth[node.key]))
                    nth[node.key] += 1
                case EffectStarted():
                    found.begun[node.key] = acts[event.node_id]
                case NodeClosed() if node.effect:
                    found.finished[node.key] = acts[event.node_id]
    return found


def sweep(was, fn, value, effects, folder):
    """Cut a run's record at each of its lines, go on, and compare. Give how often it went on."""
    went_on = 0
    for number in range(1, len(lines_of(was)[1])):
        place = folder / f"cut{number}"
        cut_at(number, was, place)
        try:
            part = Recording(place, was.run)
        except (ArgumentError, RecordError):
            continue  # its root is not there yet
        if part.root.outcome:
            continue  # the run's own end is there
        known = known_in(place)
        world = World()
        try:
            now, again = world.run(place, lambda rt, part=part: resume(rt, part, fn))
        except ArgumentError:
            assert len(part.events) == 1, "only a run that never began is refused"
            continue

        assert now == value, f"cut after line {number}"
        assert not known.answered & set(world.asked), f"paid twice, cut after line {number}"
        left = effects - Counter(known.finished.values())
        assert Counter(note.done) == left, f"cut after line {number}"
        unsure = [q for q in world.questions if q.startswith("write(")]
        assert len(unsure) == sum(act.startswith("write") for act in known.doubted)
        assert again.root.outcome == "success"
        went_on += 1
        shutil.rmtree(place)
    return went_on


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_q6_q56_p20_a_record_cut_at_any_line_goes_on_to_the_same_value(shape, tmp_path):
    fn, inputs = SHAPES[shape]
    value, was = World().run(tmp_path / "whole", lambda rt: rt.invoke(None, fn, inputs))
    effects = Counter(note.done)

    assert sweep(was, fn, value, effects, tmp_path) > 10


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_q56_a_resume_cut_at_any_line_goes_on_to_the_same_value(shape, tmp_path):
    fn, inputs = SHAPES[shape]
    value, was = World().run(tmp_path / "whole", lambda rt: rt.invoke(None, fn, inputs))
    effects = Counter(note.done)
    cut_at(2 * len(lines_of(was)[1]) // 3, was, tmp_path / "part")
    part = Recording(tmp_path / "part", was.run)
    _, again = World().run(tmp_path / "part", lambda rt: resume(rt, part, fn))
    shutil.rmtree(tmp_path / "part" / RESUMED)  # what is cut was not noted either

    assert sweep(again, fn, value, effects, tmp_path) > 10


def test_q6_a_reply_is_one_line(tmp_path):
    _, was = World().run(tmp_path, lambda rt: rt.invoke(None, look, {"name": "a"}))

    replies = [e.body for e in events_in(tmp_path) if isinstance(e.body, RequestEnded)]

    assert [type(p) for p in replies[0].parts][1:] == [ToolUsePart, ToolUsePart]
    assert [p for r in replies for p in r.parts] == [
        p for p in was.view.transcript if not isinstance(p, ToolResultPart)
    ][1:]


def as_first_version(recording):
    """Write a run's lines as the first version did: a reply's parts in lines after its end."""
    path, lines = lines_of(recording)
    chains, made = {}, []
    for raw in lines:
        row = json.loads(raw)
        row.pop("hash")
        rows = [row]
        if row.get("event") == "RequestEnded":
            parts = row.pop("parts")
            beside = {name: row[name] for name in ("v", "run", "seq", "time", "node")}
            rows += [{**beside, "event": "PartAdded", "part": part} for part in parts]
        for one in rows:
            run = one.get("run", "")
            words = words_of({**one, "v": 1})
            mark = chains[run] = hash_of(chains.get(run, chains.get("", "")), words)
            made.append(line_of(words, mark))
    path.write_text("".join(made), encoding="utf-8")
    assert check(path).is_sound
    return Recording(recording.folder, recording.run)


@pytest.mark.parametrize("shape", ["one agent with tools", "nested agents"])
@pytest.mark.slow
def test_q6_a_reply_of_the_first_version_counts_once_something_came_after_it(shape, tmp_path):
    fn, inputs = SHAPES[shape]
    value, was = World().run(tmp_path / "whole", lambda rt: rt.invoke(None, fn, inputs))
    first = as_first_version(was)
    assert first.view.transcript == was.view.transcript
    assert [r.parts for n in first.nodes.values() for r in n.requests.values()] == [
        r.parts for n in was.nodes.values() for r in n.requests.values()
    ]
    _, lines = lines_of(first)
    for number in range(1, len(lines)):
        folder = tmp_path / f"cut{number}"
        cut_at(number, first, folder)
        try:
            part = Recording(folder, was.run)
            if not part.root.outcome:
                now, _ = World().run(folder, lambda rt, part=part: resume(rt, part, fn))
                assert now == value, f"cut after line {number}"
        except (ArgumentError, RecordError):
            assert number < 6  # its beginning is not there yet
