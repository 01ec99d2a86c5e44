"""What idle culling does to a run in the background: the server's own culler, with short times."""

import time

import pytest

from lab.jupyter import ROOT, serving
from lab.test_panel import SETUP

pytestmark = [pytest.mark.lab, pytest.mark.slow]

CULLING = (
    "--MappingKernelManager.cull_idle_timeout=4",
    "--MappingKernelManager.cull_interval=1",
    "--MappingKernelManager.cull_connected=True",
)
BEATS = "from netflux_nb.jupyter.panel import run_updates; run_updates.BEAT_S = 1.0"


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory):
    """A JupyterLab with the panel, that culls what is idle."""
    path = tmp_path_factory.mktemp("share")
    (path / "labextensions").mkdir()
    (path / "labextensions" / "netflux-lab").symlink_to(ROOT / "netflux_nb" / "labextension")
    env = {"JUPYTER_PATH": str(path)}
    with serving(tmp_path_factory.mktemp("served"), env=env, options=CULLING) as server:
        yield server


def _until(page, holds, seconds=40):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        page.wait_for_timeout(200)


def test_a_background_run_keeps_its_kernel_and_a_question_does_not(lab):
    book = lab(
        [f"{SETUP}\n{BEATS}", "run = slow.start(text='a')", "gate.set(); publish.start(text='b')"]
    )
    book.run(0)
    book.run(1)
    begun = time.monotonic()

    # Three times as long as what is culled.
    _until(book.page, lambda: time.monotonic() - begun > 12)
    assert [one["execution_state"] for one in book.server.ask("api/kernels")] == ["idle"]
    book.run(2)

    _until(book.page, lambda: book.server.ask("api/kernels") == [])
