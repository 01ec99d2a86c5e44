"""The interpreter with real processes, through a real runtime."""

import os
import subprocess
from contextlib import suppress

import pytest

from netflux_nb import CancellationException, Provider, Runtime, agent
from netflux_nb.core.functions.versions import version_of
from netflux_nb.func_lib.python_func import (
    Python,
    PythonCrashedException,
    PythonException,
    PythonRequiresRestartException,
    PythonTimeoutException,
    python,
)
from netflux_nb.testing import ScriptedModel, call

pytestmark = pytest.mark.skipif(os.name != "posix", reason="It needs POSIX processes.")


def can_be_apart():
    asked = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--net"]
    with suppress(OSError):
        done = subprocess.run([*asked, "mount", "-t", "proc", "proc", "/proc"], capture_output=True)
        return done.returncode == 0
    return False


@pytest.fixture
def run(agent_of):
    """Run code as one agent."""
    with agent_of(python) as caller:
        yield lambda code=None, **args: caller(
            python, **({} if code is None else {"code": code}), **args
        )


def test_its_arguments():
    assert python.name == "python"
    assert [a.name for a in python.args] == ["code", "restart", "timeout_sec"]
    assert python.effect == "python"
    assert python.is_async
    assert version_of(python).is_whole


@pytest.mark.slow
def test_variables_stay_and_a_restart_forgets_them(run):
    assert run("import math\nx = 3\ndef f(): return x + 1") == ""
    assert run("print(f())\nmath.floor(2.5)") == "4\n2\n"
    with pytest.raises(PythonException, match="NameError"):
        run("x", restart=True)


SAID = {
    "the last value": ("x = 1\nx + 1", "2\n"),
    "no value": ("None", ""),
    "nothing": ("", ""),
    "only a comment": ("# nothing", ""),
    "a text": ("'a b'", "'a b'\n"),
    "a statement last": ("1\nx = 2", ""),
    "only the last": ("1\n2", "2\n"),
    "the underscore": ("_", "2\n"),
    "prints and errors in order": (
        "import sys\nprint('a')\nprint('b', file=sys.stderr)\nprint('c')",
        "a\nb\nc\n",
    ),
    "what children write": ("import os\nprint('a')\nos.system('echo b')", "a\nb\n0\n"),
    "crlf": ("print('a')\r\nprint('b')\r\n", "a\nb\n"),
    "utf-8": ("print('äß€😀')", "äß€😀\n"),
    "bytes that are no text": (
        "import os\n_ = os.write(1, b'\\xff\\0')",
        "\ufffd\ufffd",
    ),
    "half a character": ("'\\ud800'", "'\\ud800'\n"),
    "it is main": ("__name__", "'__main__'\n"),
    "no arguments": ("import sys\nsys.argv", "['']\n"),
    "nothing of ours": (
        "import sys\n[m for m in sys.modules if 'netflux' in m or 'pytest' in m]",
        "[]\n",
    ),
    "dataclasses": (
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\nA(1)",
        "A(x=1)\n",
    ),
    "pickles": ("import pickle\npickle.loads(pickle.dumps(A(2))).x", "2\n"),
    "no output left": ("import sys\nsys.stdout = None", ""),
    "and it goes on": ("sys.stdout = sys.__stdout__\nprint('on')", "on\n"),
}


@pytest.mark.slow
def test_what_is_written_is_what_is_given(run):
    for name, (code, said) in SAID.items():
        assert run(code) == said, name


@pytest.mark.slow
def test_a_traceback_shows_the_users_code_only(run):
    run("def f(x):\n    return 1 / x")

    with pytest.raises(PythonException) as caught:
        run("y = 0\nf(y)")

    told = str(caught.value)
    assert told.startswith(
        'Traceback (most recent call last):\n  File "<code 2>", line 2, in <module>\n'
    )
    assert '  File "<code 1>", line 2, in f\n    return 1 / x\n' in told
    assert told.rstrip().endswith("ZeroDivisionError: division by zero")
    assert "python_server" not in told
    assert caught.value.output == told


FAULTS = {
    "syntax": ("def (", r'File "<code 1>", line 1\n    def \(\n.*\nSyntaxError'),
    "input": ("input()", "EOFError"),
    "interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "deep": ("def f(): f()\nf()", "RecursionError"),
    "a chain": (
        "try:\n    1/0\nexcept Exception as e:\n    raise KeyError(1) from e",
        "direct cause",
    ),
    "an error that cannot be shown": (
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E",
        "exception str",
    ),
    "a repr that raises": ("class A:\n    def __repr__(self): raise ValueError('no')\nA()", "no"),
    "a null": ("eval('1\\0')", r"(?i)null"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("code", "why"), FAULTS.values(), ids=FAULTS)
def test_an_exception_is_an_error_and_the_interpreter_goes_on(run, code, why):
    with pytest.raises(PythonException, match=why):
        run(code)

    assert run("1") == "1\n"


ENDS = {
    "sys.exit": ("import sys; sys.exit(3)", "with code 3"),
    "a message": ("raise SystemExit('bye')", r"with code 1(?s:.)*bye"),
    "os._exit": ("import os; os._exit(4)", "with code 4"),
    "though a thread goes on": (
        "import sys, threading\nthreading.Thread(target=threading.Event().wait).start()\nsys.exit(5)",
        "with code 5",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("code", "why"), ENDS.values(), ids=ENDS)
def test_what_ends_the_interpreter_is_told(run, code, why):
    with pytest.raises(PythonException, match=why):
        run(f"x = 1\n{code}")
    with pytest.raises(PythonException, match="NameError"):
        run("x")


@pytest.mark.slow
def test_after_a_time_out_a_restart_is_required(run, is_gone):
    pid = int(run("import os\nos.getpid()"))

    with pytest.raises(PythonTimeoutException, match=r"longer than 0\.5 s"):
        run("while True: pass", timeout_sec=0.5)

    assert is_gone(pid)
    with pytest.raises(PythonRequiresRestartException):
        run("1")
    assert run("1", restart=True) == "1\n"


@pytest.mark.slow
def test_a_crash_is_told(run):
    with pytest.raises(PythonCrashedException, match="signal 9"):
        run("import os; os.kill(os.getpid(), 9)")


@pytest.mark.slow
def test_endless_output_is_ended(run):
    with pytest.raises(PythonCrashedException, match="without end"):
        run("while True: print('y' * 10_000)")


@pytest.mark.slow
def test_a_value_without_end_is_cut(run):
    told = run("'x' * 1_000_000")

    assert len(told) < 41_000
    assert "960,003 characters are left out" in told


@pytest.mark.slow
def test_nw19_a_cancel_kills_all_of_it(agent_of, tmp_path, is_gone):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    code = (
        f"import os, subprocess, pathlib, threading\nsubprocess.Popen(['sleep', '1000'])\n"
        f"pathlib.Path({str(fifo)!r}).write_text(str(os.getpid()))\nthreading.Event().wait()"
    )
    with agent_of(python) as caller:
        node = caller.start(python, code=code)
        pid = int(fifo.read_text())
        node.cancel("enough")

        with pytest.raises(CancellationException, match="enough"):
            node.result(60)
        assert is_gone(pid)


@pytest.mark.slow
def test_nu36_it_ends_with_its_agent(agent_of, is_gone):
    with agent_of(python) as caller:
        pid = int(caller(python, code="import os\nos.getpid()"))

    assert is_gone(pid)


@pytest.mark.slow
def test_its_environment_has_no_keys(run, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "hidden")
    monkeypatch.setenv("PYTHONSTARTUP", "/nowhere")

    assert run("import os\n[v for v in os.environ.values() if v == 'hidden']") == "[]\n"


@pytest.mark.slow
def test_code_cannot_be_run_twice_at_one_time(agent_of, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with agent_of(python) as caller:
        first = caller.start(python, code=f"open({str(fifo)!r}).read()")

        with pytest.raises(PythonException, match=r"race: .* Wait for that call, then call again"):
            caller(python, code="1")

        fifo.write_text("go")
        assert first.result(60) == "'go'\n"


@pytest.mark.slow
@pytest.mark.skipif(not can_be_apart(), reason="There are no user namespaces here.")
def test_a_bounded_interpreter_stays_in_its_folder(agent_of, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "secret").write_text("secret")
    bounded = Python(root=tmp_path / "in", bounded=True, network=False, max_memory_mb=2_000)

    with agent_of(bounded) as caller:
        assert caller(bounded, code="import json, os\nos.getcwd()") == f"'{tmp_path}/in'\n"
        with pytest.raises(PythonException, match="FileNotFoundError"):
            caller(bounded, code=f"open('{tmp_path}/secret')")
        with pytest.raises(PythonException, match="MemoryError"):
            caller(bounded, code="bytearray(4_000_000_000)")
        with pytest.raises(PythonException, match="OSError"):
            caller(bounded, code="import socket\nsocket.create_connection(('192.0.2.1', 9), 5)")
        caller(bounded, code="open('made', 'w').close()")

    assert (tmp_path / "in/made").exists()


@pytest.mark.slow
def test_a_model_uses_it():
    worker = agent("worker() -> str", "Work", uses=[python])
    model = ScriptedModel([call("python", code="x = 5"), call("python", code="x"), "done"])

    with Runtime([worker], models={Provider.Anthropic: model}) as runtime:
        assert runtime.get_ctx().invoke(worker, {}).result(60) == "done"

    assert model.requests[2].parts[-1].outputs == "5\n"
