"""What pyproject.toml says of Pythons and of other packages is what CI runs (rows Q4, Q73)."""

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAMED = [
    tuple(map(int, found[1].split(".")))
    for one in PROJECT["classifiers"]
    if (found := re.fullmatch(r"Programming Language :: Python :: (\d+\.\d+)", one))
]

WANTED = [*PROJECT["dependencies"], *chain(*PROJECT["optional-dependencies"].values())]
IS_LOWEST = Path(sys.prefix).name == ".quick-lowest"


def steps():
    """Name the make targets that CI runs."""
    return re.findall(
        r"^\s*step (\S+)", (ROOT / ".ci/run").read_text(encoding="utf-8"), re.MULTILINE
    )


def test_q4_the_named_pythons_begin_with_the_oldest_and_leave_none_out():
    oldest, newest = NAMED[0], NAMED[-1]

    assert PROJECT["requires-python"] == f">={oldest[0]}.{oldest[1]}"
    assert [(3, minor) for minor in range(oldest[1], newest[1] + 1)] == NAMED


def test_q4_the_python_that_runs_this_is_named():
    # `make newest` takes the newest at hand: one that nobody named yet is noticed there.
    assert sys.version_info[:2] in NAMED


def test_q4_ci_runs_the_tests_on_the_newest_python_too():
    assert {"test", "newest"} <= set(steps())


@pytest.mark.slow
def test_q4_the_newest_python_at_hand_is_taken(tmp_path):
    # Two of that many are on the path; the higher number counts, not the later letter.
    for minor in (12, 9, 13):
        fake = tmp_path / f"python3.{minor}"
        fake.write_text(f'#!/bin/sh\n[ "$1" = -c ] && echo "3.{minor:02d} {fake}"\n')
        fake.chmod(0o755)
    words = (ROOT / ".ci/quick-venv").read_text(encoding="utf-8")
    listing = words[words.index("pythons() {") : words.index("if [[ ${#found[@]} == 0 ]]")]

    told = subprocess.run(
        ["bash", "-c", f"{listing}\nprintf '%s\\n' \"${{found[-1]}}\""],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "PYENV_ROOT": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert told.split()[0] == "3.13"


def test_q73_every_package_has_a_lowest_version_and_ci_runs_with_it():
    free = [one for one in WANTED if not re.search(r">=\d", one) and "netflux_nb[" not in one]

    assert free == []
    assert not [one for one in WANTED if re.search(r"<|==", one)], "nothing newer is shut out"
    assert "lowest" in steps()
    made = (ROOT / ".ci/quick-venv").read_text(encoding="utf-8")
    assert "resolution=lowest-direct" in made


def test_q73_what_runs_this_is_within_the_bounds_and_at_them_where_that_is_tried():
    tried = 0
    for one in map(Requirement, WANTED):
        if not one.specifier:
            continue  # our own, with extras
        (bound,) = (each.version for each in one.specifier)
        try:
            version = metadata.version(one.name)
        except metadata.PackageNotFoundError:
            continue  # of an extra
        tried += 1
        assert version in one.specifier
        assert not IS_LOWEST or f"{version}.".startswith(f"{bound}."), one

    assert tried >= len(PROJECT["dependencies"])
