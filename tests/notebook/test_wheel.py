"""A wheel, built and installed where there is no node, brings the panel."""

import os
import site
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PANEL = "share/jupyter/labextensions/netflux-lab"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def _run(*words, **env):
    # No node: only what the system itself needs is on the path.
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PATH")}
    return subprocess.run(
        [str(word) for word in words],
        env={**kept, "PATH": "/usr/bin:/bin", **env},
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


def test_jupyterlab_lists_the_panel_of_an_installed_wheel(wheel, tmp_path):
    place = tmp_path / "fresh"
    assert _run(sys.executable, "-m", "venv", "--without-pip", place).returncode == 0
    python = place / "bin" / "python"
    # JupyterLab itself is lent: what is asked is where our files went.
    [packages] = place.glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    put = _run(
        sys.executable,
        "-m",
        "pip",
        f"--python={python}",
        "install",
        "--no-deps",
        "--no-index",
        "--force-reinstall",
        "--ignore-installed",
        wheel,
    )
    assert put.returncode == 0, put.stderr[-2000:]

    listed = _run(
        python,
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
    assert str(place) in said
