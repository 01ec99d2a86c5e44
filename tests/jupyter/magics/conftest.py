"""A real shell with the extension in it, and a default runtime that a script answers for."""

import atexit
import warnings

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import netflux_nb
from netflux_nb import Approvals, Runtime, session
from netflux_nb.jupyter.config import NetfluxNB
from netflux_nb.testing import ScriptedModel


class Shell:
    """Cells run in it, and what came of each."""

    def __init__(self, shell, capsys):
        self.shell = shell
        self.capsys = capsys
        self.names = shell.user_ns

    def run(self, cell):
        """Run a cell that succeeds; give its value."""
        result = self.shell.run_cell(cell, store_history=True)
        self.text = self.capsys.readouterr().out
        assert result.success, self.text
        return result.result

    def fails(self, cell):
        """Run a cell that fails; give what a person reads of it."""
        result = self.shell.run_cell(cell, store_history=True)
        caught = self.capsys.readouterr()
        assert not result.success, caught.out
        return f"{caught.out}{caught.err}".strip()

    def offers(self, text, line=None):
        """Give what Tab offers at the end of a text, or of one of its lines."""
        rows = text.split("\n")
        number = len(rows) - 1 if line is None else line
        cursor = sum(len(row) + 1 for row in rows[:number]) + len(rows[number])
        with provisionalcompleter(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [one.text for one in self.shell.Completer.completions(text, cursor)]


def echo(request):
    return f"<{request.parts[0].text}>"


@pytest.fixture
def bare(tmp_path, monkeypatch, capsys):
    """A real shell without the extension, which leaves nothing behind."""
    monkeypatch.setenv("NETFLUX_HOME", str(tmp_path / "store"))
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.chdir(tmp_path)
    config = Config()
    config.HistoryManager.enabled = False
    config.TerminalInteractiveShell.colors = config.InteractiveShell.colors = "nocolor"
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=config)
    yield Shell(shell, capsys)
    shell.run_cell("%unload_ext netflux_nb")
    shell.atexit_operations()
    atexit.unregister(shell.atexit_operations)  # it would be done again
    InteractiveShell.clear_instance()
    NetfluxNB.clear_instance()
    session.configure(store="", model="")
    session.close_records()


@pytest.fixture
def shell(bare):
    """A real shell with the extension, Functions and a scripted model that says what it heard."""
    models = {"scripted": ScriptedModel(echo)}
    with Runtime(is_open=True, models=models, policies=[Approvals()]) as runtime:
        netflux_nb.use(runtime)
        bare.run("%load_ext netflux_nb")
        bare.run("%config NetfluxNB.live = False")
        bare.run("from netflux_nb import agent, function, runs, sql")
        yield bare
