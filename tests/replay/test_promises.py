"""What the record promises, told once through a whole run (rows F16 to F76)."""

import threading

import pytest

from netflux_nb import ArgumentError, NodeState, Runtime, agent, function
from netflux_nb.compare.diff import diff
from netflux_nb.core.errors import RecordError
from netflux_nb.core.json.canonical import canonical
from netflux_nb.record.codecs.artifacts import Artifacts
from netflux_nb.record.journal import Journal
from netflux_nb.record.reading import check, files
from netflux_nb.record.sql.store import sql
from netflux_nb.replay.begin import replay
from netflux_nb.replay.recording import Recording
from netflux_nb.testing import ScriptedModel, call


@function(effect="shell")
def act(what: str) -> str:
    """Reach outside."""
    return f"did {what}"


@function
def much(n: int) -> str:
    """Give much."""
    return "x" * n


think = agent("think(text: str)", "Think of {text}", uses=[act], model="scripted")


@function(uses=[think, much])
def study(text: str) -> list:
    """Think, and give much."""
    return [think(text=text), len(much(n=20_000))]


def answer(request):
    return call("act", what="x") if len(request.parts) == 1 else "thought"


def record(folder, fn, inputs, script=answer, do=None):
    models = {"scripted": ScriptedModel(script)}
    with Journal(folder) as journal, Runtime([fn], models=models, sink=journal) as runtime:
        node = runtime.invoke(None, fn, inputs)
        if do is not None:
            do(node)
        node.wait(timeout=30)
        return Recording(folder, runtime.run_name(node))


def test_f16_real_times_are_kept_and_are_no_difference(tmp_path):
    one = record(tmp_path / "a", study, {"text": "a"})
    two = record(tmp_path / "b", study, {"text": "a"})

    times = [event.time for event in one.events]
    assert times == sorted(times)
    assert times[0] > 1_700_000_000
    assert [event.seq for event in one.events] == sorted(event.seq for event in one.events)
    assert one.view.started_at != two.view.started_at
    assert diff(one.view, two.view).is_same


def test_q55_f38_what_happens_to_a_node_is_told_in_one_order(tmp_path):
    recording = record(tmp_path, study, {"text": "a"})

    def told(fn):
        (node_id,) = (v.id for _, v in recording.view.walk() if v.fn.name == fn)
        return [type(e.body).__name__ for e in recording.events if e.node_id == node_id]

    # What a part says comes between the request's beginning and its end, or after it.
    kept = [name for name in told("think") if name not in ("PartAdded", "NodeWaits")]
    assert kept == [
        "NodeOpened",
        "NodeStarted",
        *["RequestStarted", "RequestEnded"] * 2,
        "NodeClosed",
    ]
    assert told("act") == ["NodeOpened", "NodeStarted", "EffectStarted", "NodeClosed"]
    assert told("study")[:3] == ["NodeOpened", "RunBegan", "NodeStarted"]
    assert told("study")[-1] == "NodeClosed"
    # A parent ends after its children, a call begins after the request that asked for it.
    order = [(e.node_id, type(e.body).__name__) for e in recording.events]
    ids = {v.fn.name: v.id for _, v in recording.view.walk()}
    places = {name: order.index((ids[name], "NodeOpened")) for name in ids}
    ends = {name: order.index((ids[name], "NodeClosed")) for name in ids}
    assert ends["act"] < ends["think"] < ends["study"] == len(order) - 1
    assert order.index((ids["think"], "RequestEnded")) < places["act"] < ends["act"]
    assert places["study"] < places["think"] < places["act"] < places["much"]


def test_q55_f40_an_event_that_was_altered_is_noticed(tmp_path):
    record(tmp_path, study, {"text": "a"})
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    assert check(path).is_sound
    lines = whole.splitlines(keepends=True)
    # Two events of the run: other lines stand for themselves.
    one, two = [n for n, line in enumerate(lines) if b'"seq":' in line][1:3]

    def with_lines(put):
        return b"".join(line for n, was in enumerate(lines) for line in put.get(n, [was]))

    altered = {
        "a value": whole.replace(b"thought", b"nothing", 1),
        "a time": with_lines({one: [lines[one].replace(b'"time":1', b'"time":2')]}),
        "an order": with_lines({one: [lines[two]], two: [lines[one]]}),
        "a line less": with_lines({one: []}),
        "a line twice": with_lines({one: [lines[one]] * 2}),
    }
    for what, data in altered.items():
        assert data != whole
        path.write_bytes(data)
        checked = check(path)
        assert not checked.is_sound, what
        assert "is not as it was written here" in str(checked.faults[0]), what
    path.write_bytes(whole)
    assert check(path).is_sound


def test_f41_every_call_has_its_arguments_outcome_and_real_duration(tmp_path):
    record(tmp_path, study, {"text": "a"})

    frame = sql("SELECT fn, inputs, outputs, seconds FROM nodes WHERE fn = 'act'", tmp_path)

    (row,) = frame.itertuples(index=False)
    assert "x" in row.inputs
    assert "did x" in row.outputs
    assert row.seconds > 0


def test_f44_a_run_is_cancelled_from_any_thread_and_has_its_end(tmp_path):
    here = threading.Event()

    @function
    def waits(ctx) -> None:
        here.set()
        ctx.cancel_event.wait(30)
        ctx.check()

    def stop(node):
        assert here.wait(10)
        thread = threading.Thread(target=node.cancel, args=("enough",))
        thread.start()
        thread.join()

    recording = record(tmp_path, waits, {}, do=stop)

    assert recording.is_whole
    assert recording.view.state is NodeState.Canceled
    assert replay(recording, waits).is_same


def test_f46_what_was_recorded_cannot_be_changed_through_a_view(tmp_path):
    recording = record(tmp_path, study, {"text": "a"})

    with pytest.raises(AttributeError):
        recording.view.state = NodeState.Error
    with pytest.raises(AttributeError):
        recording.events[0].seq = 7


def test_f51_a_large_value_is_kept_under_its_hash_and_checked_when_it_is_read(tmp_path):
    recording = record(tmp_path, study, {"text": "a"})
    ((digest, size),) = Artifacts(tmp_path)

    assert size > 20_000
    assert recording.root.children[1].value == "x" * 20_000
    assert Artifacts(tmp_path).has(digest)


def test_f52_values_that_differ_hash_differently_and_the_order_of_keys_does_not_count():
    assert canonical({"a": 1, "b": 2}) == canonical({"b": 2, "a": 1})
    assert canonical(1) != canonical("1")
    assert canonical([1, 2]) != canonical([2, 1])
    with pytest.raises(ValueError, match="has no canonical JSON"):
        canonical(object())


def test_f76_a_crashed_run_is_shown_asked_and_compared(tmp_path):
    whole = record(tmp_path, study, {"text": "a"})
    (path,) = files(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    mine = [i for i, line in enumerate(lines) if b'"seq":' in line]
    path.write_bytes(b"".join(lines[: mine[-3]]) + lines[mine[-3]][:20])

    cut = Recording(tmp_path, whole.run)

    assert not cut.is_whole
    assert cut.view.state is NodeState.Running
    assert not diff(whole.view, cut.view).is_same
    assert sql("SELECT state FROM runs", tmp_path)["state"].tolist() == ["CutOff"]
    with pytest.raises(ArgumentError, match="holds no run 'x'"):
        Recording(path, "x")


def test_f96_a_value_is_held_to_its_hash_before_it_is_served(tmp_path):
    @function(effect="files")
    def reads(n: int) -> str:
        return "y" * n

    @function(uses=[reads])
    def counts() -> int:
        return len(reads(n=20_000))

    whole = record(tmp_path, counts, {})
    ((digest, _),) = Artifacts(tmp_path)
    path = Artifacts(tmp_path).path(digest)
    path.write_bytes(b"z" + path.read_bytes()[1:])

    with pytest.raises(RecordError, match=f"{digest[:12]} is not as it was written"):
        replay(Recording(tmp_path, whole.run), counts)


def test_f96_every_event_says_of_which_run_and_node_it_is(tmp_path):
    recording = record(tmp_path, study, {"text": "a"})
    rows = sql("SELECT run, node, tool_use_id FROM nodes ORDER BY node", tmp_path)
    told = sql("SELECT DISTINCT run, node FROM events WHERE node IS NOT NULL", tmp_path)

    assert set(rows["run"]) == set(told["run"]) == {recording.run}
    assert set(told["node"]) == set(rows["node"])
    assert rows["tool_use_id"].notna().sum() == 1
