"""Calls outside any tree: the default runtime."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

import netflux_nb
from netflux_nb import Runtime, agent, function, session
from netflux_nb.core.errors import RecordError
from netflux_nb.testing import ScriptedModel


@pytest.fixture(autouse=True)
def fresh_default():
    before = netflux_nb.default_runtime()
    with Runtime(is_open=True, models={"scripted": ScriptedModel(lambda r: "said")}) as runtime:
        netflux_nb.use(runtime)
        yield runtime
    netflux_nb.use(before)


@function
def twice(x: int) -> int:
    """Double a number.

    Args:
        x: The number.
    """
    return 2 * x


def test_a_call_outside_a_tree_gives_the_value(fresh_default):
    assert twice(4) == twice(x=4) == 8
    assert [v.fn.name for v in fresh_default.list_toplevel_views()] == ["twice", "twice"]


def test_start_gives_the_handle():
    node = twice.start(x=5)
    assert node.result() == 10


def test_an_agent_is_called_like_a_function():
    speak = agent("speak(text: str)", "{text}", model="scripted")
    assert speak("hello") == "said"
    assert speak(text="hello") == "said"


def test_redefining_a_name_serves_later_calls(fresh_default):
    @function(name="twice")
    def newer(x: int) -> int:
        return 200 * x

    assert twice(1) == 2
    assert newer(1) == 200
    assert twice(1) == 2
    assert fresh_default.invocable_functions == (newer,)


@pytest.mark.parametrize(
    ("args", "kwargs", "says"),
    [
        ((1, 2), {}, "takes 1 argument, got 2"),
        ((1,), {"x": 1}, "got 'x' twice"),
        ((), {}, "Missing required"),
        ((), {"y": 1}, "Unknown arg"),
        (("1",), {}, "Arg 'x' expects int, got str"),
    ],
)
def test_a_bad_call_is_one_line(args, kwargs, says):
    with pytest.raises(ValueError, match=says) as caught:
        twice(*args, **kwargs)
    assert "\n" not in str(caught.value)


def test_nd5_it_works_under_a_running_loop():
    async def main():
        return twice(3), await twice.start(4)

    assert asyncio.run(main()) == (6, 8)


@pytest.mark.slow
def test_nd5_it_works_in_a_real_kernel():
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    try:
        cells = [
            "from netflux_nb import function\n@function\ndef sq(x: int) -> int:\n    return x * x",
            "@function(uses=[sq])\nasync def total(n: int) -> int:\n"
            "    return sum([await sq.start(i) for i in range(n)])",
            "print(sq(3), await sq.start(4), total(4), await total.start(5))",
            "@function\ndef bad(x: int) -> int:\n    return x\nbad(y=1)",
        ]
        outputs = []
        for cell in cells:
            client.execute_interactive(
                cell, timeout=60, output_hook=lambda m: outputs.append(m["content"])
            )
        text = "".join(o.get("text", "") for o in outputs)
        assert "9 16 14 30" in text
        errors = [o for o in outputs if "traceback" in o]
        assert len(errors) == 1
        assert errors[0]["traceback"] == [
            "ArgumentError: Unknown arg(s) for bad: ['y']; expected ['x']",
            "  line 4: bad(y=1)",
        ]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_importing_starts_nothing():
    code = "import threading, netflux_nb; print(threading.active_count())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_models_are_named_without_a_runtime():
    speak = agent("speak(text: str)", "{text}", model="scripted")

    first = netflux_nb.use(scripted=ScriptedModel(["one"]))
    assert speak("hello") == "one"
    assert netflux_nb.use(scripted=ScriptedModel(["two"])) is first
    assert speak("hello") == "two"

    # One that may have been asked already leaves with its runtime.
    assert netflux_nb.use(mine=ScriptedModel(["three"])) is not first
    assert agent("other()", "x", model="mine")() == "three"
    netflux_nb.default_runtime().close()
    first.close()


def test_what_is_no_model_is_named(fresh_default):
    with pytest.raises(netflux_nb.ArgumentError, match="got scripted=list"):
        netflux_nb.use(scripted=["hello"])
    with pytest.raises(netflux_nb.ArgumentError, match="beside a runtime"):
        netflux_nb.use(fresh_default, scripted=ScriptedModel([]))


def test_a_folder_that_is_gone_is_named(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    monkeypatch.delenv("NETFLUX_HOME", raising=False)
    gone.rmdir()
    with pytest.raises(RecordError, match="folder is gone") as error:
        session.home()
    assert len(error.value._render_traceback_()) <= 2


FORKS = """
import multiprocessing
from netflux_nb import function, runs

@function
def twice(n: int) -> int:
    return 2 * n

@function
def waits(ctx) -> int:
    ctx.cancel_event.wait(60)
    ctx.check()

def work(n):
    run = twice.start(n=n)
    return run.result(), run.id

if __name__ == "__main__":
    print(twice(n=1), flush=True)
    goes_on = waits.start()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        done = pool.map(work, range(4))
    print([value for value, _ in done], len({name for _, name in done}), flush=True)
    goes_on.cancel()
    print(goes_on.wait().state.name, len(runs.all), flush=True)
"""


@pytest.mark.posix("no process forks")
def test_a_forked_process_makes_runs_of_its_own(tmp_path):
    script = tmp_path / "forks.py"
    script.write_text(FORKS)
    env = {**os.environ, "NETFLUX_HOME": str(tmp_path / "store")}
    env["PYTHONPATH"] = os.pathsep.join([str(Path(netflux_nb.__file__).parents[1])])
    command = [sys.executable, str(script)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=90, check=False)
    assert done.stdout.splitlines() == ["2", "[0, 2, 4, 6] 4", "Canceled 6"], done.stderr
