"""`%load_ext netflux_nb`: what it says, what it changes, and what it takes back."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import netflux_nb
from netflux_nb import function, runs, session
from netflux_nb.jupyter.config import settings
from netflux_nb.jupyter.live.feed import Feed

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


def test_loading_says_a_few_words(bare, monkeypatch):
    bare.run("%load_ext netflux_nb")
    assert bare.text == (
        f"netflux_nb {netflux_nb.__version__} · record: store · "
        "no key: scripted and recorded only · cap: $5.00 a day\n"
    )
    monkeypatch.setenv("GEMINI_API_KEY", "k")
    bare.run("%reload_ext netflux_nb")
    assert "key: gemini" in bare.text


def test_loading_injects_no_names(bare):
    before = set(bare.names)
    bare.run("%load_ext netflux_nb")
    assert {name for name in set(bare.names) - before if not name.startswith("_")} == set()


def test_twice_is_once_and_setup_is_the_same(bare):
    bare.run("%load_ext netflux_nb")
    bare.run(
        "import netflux_nb\nnetflux_nb.setup()\nnetflux_nb.load_ipython_extension(get_ipython())"
    )
    assert bare.text == ""
    matchers = [
        m for m in bare.shell.Completer.custom_matchers if m.matcher_identifier == "netflux_nb"
    ]
    assert len(matchers) == 1
    assert len([c for c in bare.shell.configurables if type(c).__name__ == "NetfluxNB"]) == 1


def test_unloading_takes_it_all_back(bare):
    events = {name: list(calls) for name, calls in bare.shell.events.callbacks.items()}
    bare.run("%load_ext netflux_nb")
    bare.run("%unload_ext netflux_nb")
    assert "magic function `%nf` not found" in bare.fails("%nf")
    assert "`%%agent` not found" in bare.fails("%%agent a()\nhi")
    assert bare.shell.events.callbacks == events
    assert not bare.shell.Completer.custom_matchers
    assert "NetfluxNB" not in {type(c).__name__ for c in bare.shell.configurables}
    assert type(session.here.front).__name__ == "Script"


def test_setup_outside_a_notebook_is_refused_in_a_line():
    code = "import netflux_nb as n\ntry:\n    n.setup()\nexcept n.NoNodeError as e:\n    print(e)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "There is no notebook here. A script needs no `setup()`.\n"


def test_the_import_alone_does_nothing_to_a_shell():
    code = "import netflux_nb, sys; print('IPython' in sys.modules, 'traitlets' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False False\n"


def test_loading_imports_nothing_heavy():
    code = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("%load_ext netflux_nb")
heavy = ["pandas", "duckdb", "pyarrow", "anthropic", "google.genai", "openai", "matplotlib",
    "numpy", "pydantic", "genai_prices"]
print(sorted(set(heavy) & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stdout


def be_killed(tmp_path):
    """Let a process die in the middle of a run."""
    code = """
import os
from netflux_nb import function
@function
def stop(n: int) -> int:
    os._exit(9)
stop(n=1)
"""
    source = tmp_path / "cut.py"
    source.write_text(code)
    env = {"PYTHONPATH": str(ROOT), "NETFLUX_HOME": str(tmp_path / "store"), "PATH": "/usr/bin"}
    subprocess.run([sys.executable, source], env=env, check=False, timeout=60)


def test_every_look_at_a_run_that_was_cut_off_says_so(bare, tmp_path):
    be_killed(tmp_path)
    bare.run("%load_ext netflux_nb")
    name = bare.text.rpartition("%nf resume ")[2].strip().rstrip("`")
    looks = [str(bare.run(f"%nf {verb} {name}")) for verb in ("tree", "timeline", "why", "mermaid")]
    looks += [bare.run(f"%nf {verb} {name}").html for verb in ("tree", "timeline", "why")]
    looks += [str(bare.run("%nf runs --all")), repr(runs[name]), runs[name].state.value]

    for look in looks:
        assert "Cut off" in look, look
        assert "Running" not in look, look
    assert "◍ Cut off" in looks[0]
    run = runs[name]
    assert not run.is_done
    page = run.export(tmp_path / "page.html").read_text().partition("<script")[0]
    assert "Cut off" in page
    assert "Running" not in page
    feed = Feed(run.view(), run.fn)
    feed.update(run.view())
    (snap,) = feed.snapshot()
    assert snap["run"]["state"] == 5


def test_a_run_that_was_cut_off_is_named(bare, tmp_path):
    be_killed(tmp_path)
    bare.run("%load_ext netflux_nb")
    assert "1 run was cut off: `%nf resume " in bare.text
    name = bare.text.rpartition("%nf resume ")[2].strip().rstrip("`")

    bare.run("from netflux_nb import function")
    bare.run("%%function\ndef stop(n: int) -> int:\n    return n")
    assert bare.run(f"%nf resume {name}").result() == 1
    session.flush()
    bare.run("%reload_ext netflux_nb")
    assert "cut off" not in bare.text


def test_settings_act_on_the_next_call(bare, tmp_path):
    bare.run("%load_ext netflux_nb")
    bare.run("%config NetfluxNB.store = 'other'")
    assert session.home() == tmp_path / "other"
    bare.run("%config NetfluxNB.model = 'scripted'")
    assert session.default_runtime().model == "scripted"
    bare.run("%config NetfluxNB.cap_usd = 2.5")
    assert settings().cap_usd == 2.5
    assert "display=<Enum>" in (bare.run("%config NetfluxNB") or bare.text)
    bare.run("%config NetfluxNB.display = 'loud'")
    assert settings().display == "auto"


def test_a_setting_that_is_misspelt_is_named(bare, caplog):
    bare.run("%load_ext netflux_nb")
    bare.run("%config NetfluxNB.displya = 'text'")
    assert "NetfluxNB has no setting 'displya'. Did you mean display?" in caplog.text


def test_a_configuration_file_is_heard(bare):
    bare.shell.config.NetfluxNB.rows = 7
    bare.run("%load_ext netflux_nb")
    assert settings().rows == 7


def test_a_run_says_in_which_cell_it_was_begun(shell, monkeypatch):
    @function
    def one() -> int:
        return 1

    shell.names["one"] = one
    shell.names["__vsc_ipynb_file__"] = "/home/me/a.ipynb"
    shell.shell.run_cell("one()", store_history=True, cell_id="abc")
    frame = shell.run("runs.df")
    assert list(frame["cell"]) == ["abc"]
    assert list(frame["notebook"]) == ["/home/me/a.ipynb"]


def test_autoreload_swaps_a_function_of_a_module(bare, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    mine = tmp_path / "mine_reloaded.py"
    mine.write_text(
        "from netflux_nb import agent, function\n@function\ndef one(x: int) -> int:\n    return 1\n"
        "ask = agent('ask()', 'one')\n"
    )
    bare.run("%load_ext netflux_nb")
    bare.run("%load_ext autoreload\n%autoreload 2\nfrom mine_reloaded import one, ask")
    first = bare.names["one"]
    mine.write_text(
        "from netflux_nb import agent, function\n@function\ndef one(x: int) -> int:\n    return 22\n"
        "ask = agent('ask()', 'two')\n"
    )
    later = mine.stat().st_mtime + 5  # a clock of files is coarse
    os.utime(mine, (later, later))

    assert bare.run("one(1), ask.user_prompt_template") == (22, "two")
    assert first.version != bare.names["one"].version
