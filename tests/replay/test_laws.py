"""Laws of the record, for programs nobody wrote: what is recorded is served, and comes out alike."""

import itertools
import json
import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st
from record_views import views

from netflux_nb import Runtime, agent, as_completed, function, view_from_json, view_to_json
from netflux_nb.compare.diff import diff
from netflux_nb.core.fold import fold
from netflux_nb.record.journal import Journal
from netflux_nb.replay.begin import replay, rerun, resume
from netflux_nb.replay.recording import Recording
from netflux_nb.testing import ScriptedModel, Turn, call

asked = itertools.count()


@function(effect="files")
def act(ctx, what: str) -> str:
    """Reach outside: hardly two times alike."""
    if what == "fail":
        raise OSError(28, f"no place {ctx.runtime.log.seq}")
    return f"{what} {ctx.runtime.log.seq} {ctx.runtime.seed}"


@function
def leaf(ctx, word: str) -> list:
    """Draw from all that a body may draw from."""
    if word == "fail":
        raise ValueError(word)
    return [word, ctx.random.random(), ctx.uuid(), ctx.now().isoformat()]


def program(steps):
    """Write a program as the text that one agent, or one call of code, is given."""
    return json.dumps(steps)


def play(ctx, steps):
    """Do what a program says, one step after the other."""
    seen = []
    for step in steps:
        kind, what = step
        try:
            if kind == "leaf":
                seen.append(leaf(word=what))
            elif kind == "act":
                seen.append(act(what=what))
            elif kind == "think":
                seen.append(think(steps=program(what)))
            elif kind == "code":
                seen.append(code(steps=program(what)))
            elif kind == "at_once":
                nodes = [code.start(steps=program([one])) for one in what]
                seen.append([node.exception is None for node in as_completed(*nodes)])
        except (ValueError, OSError, RuntimeError) as error:
            seen.append(str(error))
    return seen


def body(ctx, steps: str) -> list:
    """Do what the steps say."""
    return play(ctx, json.loads(steps))


def answer(request):
    """Ask for every step at once, then say what came of them."""
    next(asked)
    if len(request.parts) > 1:
        return f"{len(request.parts)} parts, {next(asked)}"
    calls = []
    for kind, what in json.loads(request.parts[0].text):
        if kind == "leaf":
            calls.append(call("leaf", word=what))
        elif kind == "act":
            calls.append(call("act", what=what))
        else:
            calls.append(call("code", steps=program([[kind, what]])))
    return Turn(calls=calls) if calls else "nothing to do"


code = function(name="code", uses=[leaf, act], uses_recursion=True)(body)
think = agent("think(steps: str)", "{steps}", uses=[leaf, act, code], model="scripted")
code.uses_funcs.append(think)

words = st.sampled_from(["a", "b", "c", "fail"])
simple = st.tuples(st.sampled_from(["leaf", "act"]), words)
steps = st.recursive(
    st.lists(simple, max_size=3),
    lambda inner: st.lists(
        simple | st.tuples(st.sampled_from(["think", "code", "at_once"]), inner), max_size=3
    ),
    max_leaves=8,
)


def record(folder, given, do=None):
    """Run a program, recorded, and give its recording and its live view."""
    models = {"scripted": ScriptedModel(answer)}
    with Journal(folder) as journal, Runtime([code], models=models, sink=journal) as runtime:
        node = do(runtime) if do else runtime.invoke(None, code, {"steps": program(given)})
        node.wait(timeout=60)
        name, view = runtime.run_name(node), node.view()
    return Recording(folder, name), view


@settings(max_examples=60)
@given(steps)
def test_what_was_recorded_is_served_and_comes_out_alike(given_steps):
    with tempfile.TemporaryDirectory() as folder:
        recording, live = record(folder, given_steps)
        before = next(asked)
        done = replay(recording, code)
        assert done.is_same, str(done)
        assert done.diff.is_same, done.diff.first
        assert next(asked) == before + 1
        assert diff(recording.view, live).is_same


@settings(max_examples=30)
@given(steps)
def test_record_and_fold_give_the_same_views(given_steps):
    with tempfile.TemporaryDirectory() as folder:
        recording, live = record(folder, given_steps)
        (stored,) = views(folder)
        (folded,) = fold(recording.events).values()
        assert stored == folded == recording.view
        assert view_from_json(view_to_json(live)) == view_from_json(view_to_json(stored))


@settings(max_examples=30)
@given(steps, st.data())
def test_a_run_cut_at_any_line_goes_on_to_the_same_end(given_steps, data):
    """A served answer or effect is never asked for again, wherever the run was cut."""
    with tempfile.TemporaryDirectory() as folder:
        whole, live = record(folder, given_steps)
        (path,) = whole.folder.glob("*.jsonl")
        lines = path.read_bytes().splitlines(keepends=True)
        mine = [i for i, line in enumerate(lines) if b'"seq":' in line]
        # Where lines of no run stand varies: what is drawn must not.
        least = mine[1] + 1
        cut = least + data.draw(st.integers(0, 1_000)) % (len(lines) - least + 1)
        path.write_bytes(b"".join(lines[:cut]))
        part = Recording(folder, whole.run)
        if part.root.outcome == "success":
            return

        def go(runtime):
            node = resume(runtime, part, code)
            seen = 0
            while not node.is_done:
                view = node.watch(seen, timeout=60)
                seen = view.update_seqnum
                stack = [node]
                while stack:
                    one = stack.pop()
                    stack.extend(list(one.children))
                    if one.held is not None and one.held.answer is None:
                        runtime.answer(one, True)
            return node

        resumed, _ = record(folder, None, go)
        assert resumed.view.state is live.state
        kept = {n.key for n in part.nodes.values() if n.fn_name == "act" and n.closed}
        done = {n.key for n in resumed.nodes.values() if n.fn_name == "act" and not n.served_from}
        assert not kept & done or all(part.nodes[k].outcome == "error" for k in kept & done)


@settings(max_examples=20)
@given(steps)
def test_an_unchanged_run_is_served_whole(given_steps):
    with tempfile.TemporaryDirectory() as folder:
        was, _ = record(folder, given_steps)
        before = next(asked)
        again, _ = record(folder, None, lambda runtime: rerun(runtime, was, code))
        assert next(asked) == before + 1
        assert again.root.served_from == was.run
        assert again.root.value == was.root.value
