"""A notebook whose outputs are compared: the same text, run after run, by nbval's strict way."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
CELLS = [
    """import os, shutil
shutil.rmtree("record", ignore_errors=True)
os.environ["NETFLUX_HOME"] = "record"
%load_ext netflux_nb
%config NetfluxNB.static = True
%config NetfluxNB.stable = True
from netflux_nb import function, runs, use
from netflux_nb.testing import ScriptedModel
_ = use(scripted=ScriptedModel(lambda request: "short"))""",
    "%%agent say(text: str) -> str --model scripted:example-large\nSay it: {text}",
    """%%function --uses say
def study(texts: list[str]) -> list[str]:
    return [say(text=t) for t in texts]""",
    "study(['a', 'b'])",
    "run = %invoke -b study texts=['c']",
    "run.result(), run",
    "%nf tree",
    "%nf timeline",
    "%nf usage",
    "%nf runs",
    "runs[0]",
    "forked = %nf fork study/say text='x'",
    "print(runs[0].result(), runs[0].replay(), runs[0].diff(runs[1]), sep='\\n')",
    "%nf",
]

COMPARE = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--nbval", "--nbval-current-env"]


def test_p14_nbval_finds_every_output_of_a_stable_notebook_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("NETFLUX_HOME")
    kernel = {"name": "python3", "display_name": "Python 3"}
    book = new_notebook(
        cells=[new_code_cell(one) for one in CELLS], metadata={"kernelspec": kernel}
    )
    NotebookClient(book, timeout=60, store_widget_state=False).execute(cwd=str(tmp_path))
    path = tmp_path / "stable.ipynb"
    nbformat.write(book, path)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *COMPARE, str(path)],
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )

    assert done.returncode == 0, done.stdout[-6000:]
    assert f"{len(CELLS)} passed" in done.stdout
