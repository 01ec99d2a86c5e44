"""A wheel, built and installed where there is no node, brings the panel."""

import os
import site
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from lab.jupyter import browsing, not_hanging, serving
from lab.page import Notebook

ROOT = Path(__file__).parents[3]
PANEL = "share/jupyter/labextensions/netflux-lab"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
# Neither node nor anything else is found by its name.
NO_NODE = {"PATH": "/nonexistent"}


def _run(*words, **env):
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(word) for word in words],
        env={**kept, **NO_NODE, **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    made = _run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, ROOT)
    if "No matching distribution found for hatchling" in made.stderr:
        pytest.skip("hatchling cannot be fetched here.")
    assert made.returncode == 0, made.stderr[-2000:]
    [found] = folder.glob("*.whl")
    return found


def test_a_wheel_holds_the_panel_once(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    held = [name for name in names if "remoteEntry" in name]
    assert len(held) == 1
    assert f"data/{PANEL}/static/" in held[0]
    assert any(name.endswith(f"{PANEL}/install.json") for name in names)
    assert not any("labextension/" in name and ".data/" not in name for name in names)
    assert not any("node_modules" in name for name in names)


@pytest.fixture(scope="module")
def fresh(wheel, tmp_path_factory):
    """An environment with the wheel. JupyterLab and all else is lent by ours."""
    place = tmp_path_factory.mktemp("fresh")
    assert _run(sys.executable, "-m", "venv", "--without-pip", place).returncode == 0
    [packages] = place.glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    own, lent = place / "share" / "jupyter", Path(sys.prefix) / "share" / "jupyter"
    (own / "labextensions").mkdir(parents=True)
    (own / "lab").symlink_to(lent / "lab")
    (place / "etc").symlink_to(Path(sys.prefix) / "etc")
    for found in (lent / "labextensions").iterdir():
        if found.name != "netflux-lab":
            (own / "labextensions" / found.name).symlink_to(found)
    put = _run(
        sys.executable,
        "-m",
        "pip",
        f"--python={place / 'bin' / 'python'}",
        "install",
        "--no-deps",
        "--no-index",
        "--force-reinstall",
        "--ignore-installed",
        wheel,
    )
    assert put.returncode == 0, put.stderr[-2000:]
    return place


def test_jupyterlab_lists_the_panel_of_an_installed_wheel(fresh, tmp_path):
    listed = _run(
        fresh / "bin" / "python",
        "-c",
        "from jupyterlab.labextensions import main; main()",
        "list",
        HOME=str(tmp_path),
        JUPYTER_PLATFORM_DIRS="0",
    )

    said = listed.stdout + listed.stderr
    [line] = [line for line in said.splitlines() if "netflux-lab" in line]
    assert "enabled" in line
    assert "OK" in line
    assert str(fresh) in said


CALL = """
import netflux_nb

@netflux_nb.function
def words(text: str) -> int:
    "Count words."
    return len(text.split())

words(text='a b c')
"""


@pytest.mark.lab
def test_an_installed_wheel_shows_a_run_in_its_panel(fresh, tmp_path):
    python = fresh / "bin" / "python"
    with (
        serving(tmp_path, python=python, ours="installed", env=NO_NODE) as server,
        browsing() as context,
        not_hanging(context),
    ):
        path = server.write(["%load_ext netflux_nb", CALL])
        book = Notebook(context.new_page(), server, path).open()
        book.run(0)
        book.run(1)
        book.command("netflux:show-panel")
        book.page.locator("#netflux-runs .nfx-run", has_text="words").wait_for()

        assert str(fresh) in book.ask("netflux_nb.__file__")
        assert "words" in book.text(1)
        assert book.errors == []
