"""What a real kernel says while runs are shown, and after."""

import pytest
from kernel_messages import custom, kernel, of

pytestmark = pytest.mark.slow

MIME = "application/vnd.jupyter.widget-view+json"
BEGIN = """
import threading
from netflux_nb import Runtime, function, runs
from netflux_nb.governance.approvals import Approvals
from netflux_nb.jupyter.live import board
from netflux_nb.jupyter.config import settings
from netflux_nb.session import here, use

here.opens = board.open

gates = {}

def gate(name):
    return gates.setdefault(name, threading.Event())

@function
def step(name: str) -> str:
    gate(name).wait(60)
    return name + " is done"

@function
def quick(x: int) -> int:
    return x * 2

@function(needs_approval=True)
def publish(title: str) -> str:
    gate(title).wait(60)
    return "published " + title

use(Runtime(policies=[Approvals()], is_open=True))

def watched(fn, **args):
    run = fn.start(**args)
    board.show(run, waits=False)
    return run

def blocking(fn, **args):
    run = fn.start(**args)
    board.show(run, waits=True)
    return run.result()
"""


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    with kernel(tmp_path_factory.mktemp("kernel")) as it:
        it.run(BEGIN)
        yield it


@pytest.fixture
def shell(one):
    one.run("board.close_all(); settings().display = 'auto'; settings().static = False")
    return one


def displays(messages):
    return [m["content"] for m in of(messages, "display_data")]


def updates(messages):
    return [m["content"] for m in of(messages, "update_display_data")]


def view_of(messages):
    """Give the id of the widget that a cell shows."""
    return displays(messages)[-1]["data"][MIME]["model_id"]


def is_settled(message):
    return message["msg_type"] == "update_display_data" and MIME not in message["content"]["data"]


def seen(shell, said, sought):
    """Give what was said, and where that had it not what is sought, what comes until then."""
    return said if any(map(sought, said)) else [*said, *shell.until(sought)]


def closes(view):
    return lambda m: m["msg_type"] == "comm_close" and m["content"]["comm_id"] == view


def test_where_nobody_watches_a_blocking_call_shows_its_end_and_nothing_else(shell):
    said = shell.run("blocking(quick, x=21)")
    assert not of(said, "comm_open", "update_display_data", "stream", "error")
    (shown,) = displays(said)
    assert set(shown["data"]) == {"text/plain", "text/html"}
    assert "42" in shown["data"]["text/plain"]


def test_where_nobody_watches_a_background_run_prints_one_line_and_no_more(shell):
    said = shell.run("run = watched(step, name='a')")
    assert [m["content"]["text"] for m in of(said, "stream")] == [
        "step() runs in the background.\n"
    ]
    assert not of(said, "comm_open", "display_data")
    said = shell.run("gate('a').set(); run.wait(); None")
    assert not of([*said, *shell.quiet(0.5)], "display_data", "update_display_data", "stream")


def test_a_run_in_the_background_lives_until_it_ends_and_then_is_static(shell):
    said = shell.run("run = watched(step, name='b')", allow_stdin=True)
    (shown,) = displays(said)
    assert shown["metadata"]["netflux_nb"]["run"]
    view = view_of(said)
    shell.tell(view, {"t": "hello", "page": "p1"})
    said = shell.until(lambda m: custom([m], view) and custom([m], view)[0]["t"] == "snap")
    said = seen(shell, shell.run("gate('b').set()"), is_settled)
    last = updates(said)[-1]
    assert set(last["data"]) == {"text/plain", "text/html"}
    assert last["transient"] == shown["transient"]
    assert last["metadata"] == shown["metadata"]
    seen(shell, said, closes(view))


def test_a_run_that_ends_with_its_kernel_is_static_and_closes_no_comm(tmp_path):
    with kernel(tmp_path) as it:
        it.run(BEGIN)
        view = view_of(it.run("run = watched(step, name='z')", allow_stdin=True))
        it.tell(view, {"t": "hello", "page": "p1"})
        it.until(lambda m: custom([m], view) and custom([m], view)[0]["t"] == "snap")
        it.run(
            "def ends(change):\n    gate('z').set()\n    run.wait(20)\n"
            "    while any(one._widget is not None for one in board._board.background):\n"
            "        threading.Event().wait(0.02)\n"
            "get_ipython().observe(ends, 'exit_now')"
        )
        it.shut_down()
        said = it.until(lambda m: m["msg_type"] == "shutdown_reply")
    assert any(map(is_settled, said))
    # Who restarts a kernel has forgotten its comms, and complains of any that it hears of.
    assert view not in [m["content"]["comm_id"] for m in of(said, "comm_close")]


def test_a_kernel_sends_the_component_once_and_each_view_little(shell):
    said = shell.run("views = [watched(step, name='c')]", allow_stdin=True)
    for _ in range(3):
        said += shell.run("views.append(watched(step, name='c'))", allow_stdin=True)
    opened = [m["content"] for m in of(said, "comm_open")]
    modules = [o for o in opened if "_module" in o["data"]["state"]]
    small = [o for o in opened if "_hub" in o["data"]["state"]]
    assert len(modules) == 1
    assert len(small) == 4
    assert all(len(str(o)) < 4_000 for o in small)
    assert len(opened) == 6, "a layout is shared too"
    shell.run("gate('c').set(); [v.wait() for v in views]; None")


def test_until_a_hello_a_beginning_is_repeated_and_then_html_takes_over(shell):
    said = shell.run("run = watched(step, name='d')", allow_stdin=True)
    view = view_of(said)
    said = shell.until(is_settled)
    assert [m["t"] for m in custom(said, view)].count("snap") >= 2
    seen(shell, said, closes(view))

    def is_done(message):
        return is_settled(message) and "is done" in message["content"]["data"]["text/plain"]

    seen(shell, shell.run("gate('d').set()"), is_done)


def test_a_widget_that_was_asked_for_waits_for_its_browser(shell):
    said = shell.run(
        "settings().display = 'widget'; run = watched(step, name='e')", allow_stdin=True
    )
    view = view_of(said)
    snaps = []

    # Once a second: by the last of them a browser that is not sure to come was given up.
    def is_fifth(message):
        snaps.extend(one for one in custom([message], view) if one["t"] == "snap")
        return len(snaps) == 5

    assert not [m for m in shell.until(is_fifth) if is_settled(m)]
    shell.run("gate('e').set(); run.wait(); None")


@pytest.mark.parametrize("mode", ["html", "text"])
def test_html_and_text_are_renewed_once_a_second_at_most(shell, mode):
    code = f"settings().display = {mode!r}; run = watched(step, name={mode!r})"
    said = shell.run(code, allow_stdin=True)
    (shown,) = displays(said)
    assert ("text/html" in shown["data"]) == (mode == "html")
    assert not of(said, "comm_open")

    def ours(messages):
        return [u for u in updates(messages) if u["transient"] == shown["transient"]]

    def is_done(message):
        return any("is done" in one["data"]["text/plain"] for one in ours([message]))

    said = seen(shell, shell.run(f"gate({mode!r}).set()"), is_done)
    took = said[-1]["header"]["date"] - said[0]["header"]["date"]
    assert len(ours(said)) <= 2 + took.total_seconds()


def test_a_call_that_is_over_at_once_needs_no_widget(shell):
    said = shell.run("blocking(quick, x=4)", allow_stdin=True)
    assert not of(said, "comm_open", "update_display_data")
    assert len(displays(said)) == 1


def test_a_run_that_ended_before_it_is_shown_is_shown_by_its_end(shell):
    said = shell.run(
        "run = quick.start(x=3); run.wait(); board.show(run, waits=False)", allow_stdin=True
    )
    assert not of(said, "comm_open")
    assert "6" in displays(said)[0]["data"]["text/plain"]


def test_many_calls_of_a_cell_show_a_few_and_count_the_rest(shell):
    for allow_stdin in (False, True):
        said = shell.run("for i in range(500): blocking(quick, x=i)", allow_stdin=allow_stdin)
        assert len(displays(said)) == 4
        last = [*displays(said), *updates(said)][-1]
        assert last["data"]["text/plain"] == "and 497 more runs of this cell"


def test_static_only_is_what_it_says(shell):
    said = shell.run("settings().static = True; blocking(quick, x=1)", allow_stdin=True)
    assert not of(said, "comm_open", "update_display_data")
    assert len(displays(said)) == 1


def test_a_display_that_fails_breaks_no_run(shell):
    code = """
from netflux_nb.jupyter.live import cell_output
kept, cell_output.tree = cell_output.tree, lambda *a, **k: 1 / 0
value = blocking(quick, x=8)
cell_output.tree = kept
print(value)
"""
    said = shell.run(code, allow_stdin=True)
    # An output that is published between the word and its line's end parts them.
    assert "".join(m["content"]["text"] for m in of(said, "stream")) == "16\n"
    assert not of(said, "error")


def test_a_cell_that_runs_again_says_what_still_runs(shell):
    code = "run = watched(step, name='f')"
    shell.run(code, allow_stdin=True, cell="cell-1")
    said = shell.run(code, allow_stdin=True, cell="cell-1")
    texts = [d["data"]["text/plain"] for d in displays(said)]
    assert any(t.startswith("still running: step()") for t in texts)
    assert sum(MIME in d["data"] for d in displays(said)) == 2
    shell.run("gate('f').set(); run.wait(); None")


def test_another_cell_is_not_told_what_still_runs(shell):
    shell.run("run = watched(step, name='l')", allow_stdin=True, cell="cell-1")
    said = shell.run("other = watched(step, name='m')", allow_stdin=True, cell="cell-2")
    assert "still running" not in str(said)
    shell.run("gate('l').set(); gate('m').set(); run.wait(); other.wait(); None")


def test_a_button_is_answered_with_what_came_of_it(shell):
    said = shell.run("run = watched(publish, title='x')", allow_stdin=True)
    view = view_of(said)
    shell.tell(view, {"t": "hello", "page": "p1"})
    snap = shell.until(lambda m: custom([m], view) and "rows" in custom([m], view)[0])
    root = custom(snap, view)[-1]["rows"][0][0]
    ((_, _, _, _, question),) = custom(snap, view)[-1]["asks"]
    for nonsense in ({"t": "approve"}, {"t": "approve", "id": "1", "ask": "a"}, [], {"t": "eval"}):
        shell.tell(view, nonsense)
    told = []
    for mark in ("a", "b"):
        shell.tell(view, {"t": "approve", "id": root, "ask": mark, "question": question})
        said = shell.until(lambda m: any(c["t"] == "told" for c in custom([m], view)))
        told += [c for c in custom(said, view) if c["t"] == "told"]
        if mark == "a":
            assert told[0]["ok"]
    assert not told[1]["ok"]
    assert "answered by" in told[1]["text"]
    shell.run("gate('x').set(); run.wait(); None")


def test_another_runs_node_is_out_of_reach(shell):
    said = shell.run(
        "other = step.start(name='g'); run = watched(step, name='g')", allow_stdin=True
    )
    view = view_of(said)
    node = "other.root.id"
    shell.tell(view, {"t": "hello", "page": "p1"})
    said = shell.run(f"print({node})")
    number = int(of(said, "stream")[0]["content"]["text"])
    shell.tell(view, {"t": "cancel", "id": number, "ask": "a"})
    said = shell.until(lambda m: any(c["t"] == "told" for c in custom([m], view)))
    assert "has no Node" in custom(said, view)[-1]["text"]
    shell.run("gate('g').set(); run.wait(); other.wait(); None")


def test_a_stored_run_opens_so_that_one_can_walk_in_it(shell):
    code = "quick.start(x=5).wait(); stored = runs.last; stored.open()"
    said = shell.run(code, allow_stdin=True)
    view = view_of(said)
    shell.tell(view, {"t": "hello", "page": "p1"})
    said = shell.until(lambda m: custom([m], view) and custom([m], view)[0]["t"] == "snap")
    root = custom(said, view)[-1]["rows"][0][0]
    shell.tell(view, {"t": "detail", "id": root, "pane": "inputs", "at": [0, 0]})
    said = shell.until(lambda m: any(c["t"] == "detail" for c in custom([m], view)))
    assert custom(said, view)[-1]["parts"][0][3:5] == ["x", "5"]
    shell.tell(view, {"t": "cancel", "id": root, "ask": "a"})
    said = shell.until(lambda m: any(c["t"] == "told" for c in custom([m], view)))
    assert "from the record only" in custom(said, view)[-1]["text"]


def test_a_page_that_came_again_keeps_the_view_where_its_display_is_forgotten(shell):
    said = shell.run("run = watched(step, name='h')", allow_stdin=True)
    view = view_of(said)
    for page in ("p1", "p2"):
        shell.tell(view, {"t": "hello", "page": page})
        shell.until(lambda m: custom([m], view) and custom([m], view)[0]["t"] == "snap")
    said = seen(shell, shell.run("gate('h').set()"), is_settled)
    said += shell.quiet(0.3)
    assert view not in [m["content"]["comm_id"] for m in of(said, "comm_close")]
    said = shell.run("board.close_all()")
    assert view in [m["content"]["comm_id"] for m in of(said, "comm_close")]


def test_all_can_be_closed_and_leave_no_thread(shell):
    shell.run("run = watched(step, name='i')", allow_stdin=True)
    said = shell.run(
        "board.close_all(); print([t.name for t in threading.enumerate() if 'view' in t.name])"
    )
    assert of(said, "stream")[0]["content"]["text"] == "[]\n"
    shell.run("gate('i').set(); run.wait(); None")


LOADED = """
%load_ext netflux_nb
from netflux_nb import function
import asyncio

@function
async def slow(x: int) -> int:
    # Longer than a busy machine takes to see that it is not over at once.
    await asyncio.sleep(1)
    return x + 1
"""


def test_with_the_extension_a_cell_shows_its_runs_above_their_values(tmp_path):
    with kernel(tmp_path) as it:
        it.run(LOADED)
        for code in ("slow(x=1)", "await slow.start(x=1)"):
            said = it.run(code)
            shown = of(said, "display_data", "execute_result", "update_display_data", "comm_open")
            assert [m["msg_type"] for m in shown] == ["display_data", "execute_result"]
            said = it.run(code, allow_stdin=True)
            shown = of(said, "display_data", "execute_result", "update_display_data")
            kinds = [m["msg_type"] for m in shown]
            assert kinds == ["display_data", "update_display_data", "execute_result"]
            assert MIME not in shown[1]["content"]["data"]
        assert not of(it.quiet(0.4), "display_data", "update_display_data", "stream")


SLOW = """
import threading
from netflux_nb import runs, use
from netflux_nb.testing import ScriptedModel

go = threading.Event()
def later(request):
    go.wait(60)
    return "a title"
use(scripted=ScriptedModel(later));
"""
TITLE = "%%agent title(text: str) -> str --model scripted\nGive a title to: {text}"


@pytest.fixture
def loaded(tmp_path):
    with kernel(tmp_path) as it:
        it.run(LOADED)
        it.run(SLOW)
        it.run(TITLE)
        yield it


def plain(messages):
    return [m["content"]["data"]["text/plain"] for m in of(messages, "execute_result")]


@pytest.mark.parametrize(
    "code", ["%invoke -b title text='x'", "run = title.start(text='x')\nrun", "title.start('x')"]
)
def test_a_cell_that_ends_with_the_run_it_began_shows_it_once(loaded, code):
    said = loaded.run(code, allow_stdin=True)
    assert len(displays(said)) == 1
    (line,) = plain(said)
    assert line.endswith(" of title(), shown above")
    assert "Running" not in line
    loaded.run("go.set()")


def test_a_run_that_goes_on_is_shown_alive_in_another_cell_too(loaded):
    loaded.run("run = title.start('x')", allow_stdin=True)
    said = loaded.run("run", allow_stdin=True)
    assert MIME in displays(said)[-1]["data"]
    assert plain(said)[0].endswith(", shown above")
    name = displays(said)[-1]["transient"]["display_id"]
    said = loaded.run("go.set(); run.wait(); None")
    ends = [one for one in updates(said) if one["transient"]["display_id"] == name]
    if not ends:
        found = loaded.until(lambda m: is_settled(m) and display_id(m) == name)
        ends = updates(found)
    assert "Success" in ends[-1]["data"]["text/plain"]
    said = loaded.run("run", allow_stdin=True)
    assert not displays(said)
    assert "Success" in plain(said)[0]


def display_id(message):
    return message["content"]["transient"]["display_id"]


@pytest.mark.parametrize("code", ["%nf fork title text='y'", "runs.last.fork(args={'text': 'y'})"])
def test_a_run_that_goes_on_from_another_is_shown_as_it_goes(loaded, code):
    loaded.run("go.set(); title('x'); go.clear()")
    said = loaded.run(code, allow_stdin=True)
    assert MIME in displays(said)[0]["data"]
    assert plain(said)[0].endswith(", shown above")
    name = displays(said)[0]["transient"]["display_id"]
    said = loaded.run("go.set(); runs.last.wait(); None")
    if not any(is_settled(m) and display_id(m) == name for m in said):
        loaded.until(lambda m: is_settled(m) and display_id(m) == name)


def test_where_nobody_watches_a_result_is_shown_however_soon_it_came(loaded):
    loaded.run("go.set()")
    said = loaded.run("run = title.start('x')\nrun.root.wait()\nrun.result()")
    (shown,) = displays(said)
    assert "a title" in shown["data"]["text/plain"]


def test_what_is_closed_leaves_no_widget_in_the_output(shell):
    shell.run("run = watched(step, name='k')", allow_stdin=True)
    said = shell.run("board.close_all()")
    last = of(said, "update_display_data")[-1]["content"]["data"]
    assert MIME not in last
    assert "step" in last["text/html"]
    shell.run("gate('k').set(); run.wait(); None")


def test_a_cell_of_very_many_calls_ends_as_any_other(tmp_path):
    with kernel(tmp_path) as it:
        it.run("%load_ext netflux_nb")
        it.run("from netflux_nb import Runtime, function, use")
        it.run("@function\ndef quick(x: int) -> int:\n    return x * 2")
        it.run("use(Runtime(is_open=True, keep_trees=5)); None")
        for call in ("quick(i)", "quick.start(i)"):
            said = it.run(f"for i in range(60):\n    {call}", allow_stdin=True)
            assert not of(said, "error", "stream")
            assert "and 57 more runs of this cell" in str(said)


def test_a_workflow_s_picture_is_drawn_anew_while_it_goes_on(shell):
    shell.run(
        """
from netflux_nb import workflow
from netflux_nb.jupyter.magics.verbs import do

day = workflow(
    {"states": {"OPEN": {"entry": "step", "on": {"EVT_SUCCESS": "SHUT"}}, "SHUT": {}}},
    functions=[step],
    name="day",
)
going = day.start(name="machine")
"""
    )
    said = shell.run("do('workflow day', globals(), eval)", allow_stdin=True)
    [first] = displays(said)
    assert "◐ here OPEN" in first["data"]["text/plain"]
    more = shell.run("gate('machine').set()")
    ended = "● ended here SHUT"

    def is_last(message):
        return ended in str(message["content"].get("data", {}).get("text/plain", ""))

    told = seen(shell, more, is_last)
    last = next(m for m in told if is_last(m))
    assert last["msg_type"] == "update_display_data"
    assert last["content"]["transient"] == first["transient"]
    [static] = displays(shell.run("display(do('workflow day', globals(), eval))"))
    assert ended in static["data"]["text/plain"]
