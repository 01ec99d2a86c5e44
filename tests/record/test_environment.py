"""What a run ran on."""

import platform
import subprocess

import pytest

from netflux_nb.record.environment import environment, git_state, packages


def test_q55_f14_the_environment_is_python_the_platform_and_every_package(tmp_path):
    here = environment(tmp_path)

    assert (here["python"], here["platform"]) == (platform.python_version(), platform.platform())
    assert here["packages"]["pytest"] == pytest.__version__
    assert list(here["packages"]) == sorted(packages())
    assert here["git"] is None


@pytest.mark.slow
def test_q55_the_state_of_the_code_is_its_commit_and_whether_it_was_changed(tmp_path):
    def git(*words):
        name = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
        done = subprocess.run(
            ["git", "-C", str(tmp_path), *name, *words], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    git("init", "--quiet", "--initial-branch=main")
    (tmp_path / "a.txt").write_text("a")
    git("add", ".")
    git("commit", "--quiet", "-m", "First.")
    head = git("rev-parse", "HEAD")

    assert git_state(tmp_path) == {"head": head, "dirty": False}
    (tmp_path / "beside.txt").write_text("not of it")
    assert git_state(tmp_path) == {"head": head, "dirty": False}
    (tmp_path / "a.txt").write_text("b")
    assert git_state(tmp_path) == {"head": head, "dirty": True}
