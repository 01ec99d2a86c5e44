"""Binder's environment: the package's own pins, and a lesson that is there."""

import os
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BINDER = ROOT / "binder"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def lines(name):
    text = (BINDER / name).read_text(encoding="utf-8").splitlines()
    return [line for line in text if line and not line.startswith("#")]


def test_the_pins_are_those_that_tests_run_with():
    assert set(lines("requirements.txt")) <= set(PROJECT["dependency-groups"]["test"])


def test_the_python_is_one_that_we_name():
    (python,) = lines("runtime.txt")
    named = f"Programming Language :: Python :: {python.removeprefix('python-')}"

    assert named in PROJECT["project"]["classifiers"]


def test_the_package_is_installed_with_extras_that_exist():
    (install,) = [line for line in lines("postBuild") if line.startswith("pip install")]
    extras = install.split("[")[1].split("]")[0].split(",")

    assert set(extras) <= set(PROJECT["project"]["optional-dependencies"])


@pytest.mark.parametrize("name", ["postBuild", "check"])
def test_a_script_can_be_run(name):
    assert os.access(BINDER / name, os.X_OK)


def test_the_readme_names_the_lesson_that_opens():
    assert "notebooks/00_tour.ipynb" in (ROOT / "README.md").read_text(encoding="utf-8")
