"""Promises of the seed about one transaction a call, seen from beside it while it runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from netflux_nb import ContractError, function, sql, state
from netflux_nb.core.errors import FunctionError


@dataclass
class Plant:
    items: list[int] = field(default_factory=lambda: [1, 2, 3])
    level: int = 0
    names: dict[str, int] = field(default_factory=dict)
    meta_trace: str = ""


@pytest.fixture
def plant():
    return state(Plant(), name="plant")


def test_t4_what_is_read_is_not_written_what_is_written_may_be_read_errors_and_effects_are_said(
    plant,
):
    @function(reads=["items"], writes=["level"], raises=["ValueError"], effect="pump")
    def fill(by: int) -> int:
        """Fill."""
        if by == 0:
            raise ValueError("nothing")
        if by == 1:
            plant.items.append(4)
        if by == 2:
            raise KeyError("not said")
        plant.level += by
        return plant.level

    assert fill(5) == 5
    with pytest.raises(ValueError, match="nothing"):
        fill(0)
    with pytest.raises(ContractError, match=r"may not write items"):
        fill(1)
    with pytest.raises(ContractError, match=r"raised KeyError"):
        fill(2)
    assert plant.value() == Plant(level=5)
    assert set(sql("SELECT effect FROM nodes").effect) == {"pump"}


def test_t8_what_is_told_beside_the_work_is_written_and_read_by_nobody_who_works(plant):
    @function(writes=["level", "meta_trace"])
    def fill(by: int) -> None:
        """Fill, and say so."""
        plant.level += by
        plant.meta_trace = f"filled by {by}"

    fill(3)
    assert plant.meta_trace == "filled by 3"
    with pytest.raises(FunctionError, match=r"meta_trace"):

        @function(reads=["meta_trace"])
        def judge() -> None:
            """Judge by what was traced."""


def test_t22_what_a_call_writes_is_seen_by_nobody_before_it_counts(plant):
    wrote, looked = threading.Event(), threading.Event()

    @function(writes=["level", "names"], raises=[ValueError])
    def fill(fails: bool) -> None:
        """Fill, and wait."""
        plant.level = 9
        plant.names["new"] = 1
        wrote.set()
        assert looked.wait(30)
        if fails:
            raise ValueError("no")

    for fails in (True, False):
        wrote.clear()
        looked.clear()
        run = fill.start(fails)
        assert wrote.wait(30)
        assert plant.value() == Plant()  # neither the scalar nor the new key
        looked.set()
        run.wait()
    assert plant.value() == Plant(level=9, names={"new": 1})


def test_t23_who_reads_beside_a_commit_never_sees_half_of_it(plant):
    seen, done = set[tuple[int, ...]](), threading.Event()

    @function(writes=["items"])
    def turn() -> None:
        """Turn the list round."""
        plant.items = [-one for one in plant.items]

    def look() -> None:
        while not done.is_set():
            seen.add(tuple(plant.value().items))

    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(100):
        turn()
    done.set()
    reader.join(30)
    assert seen <= {(1, 2, 3), (-1, -2, -3)}
    assert plant.value().items == [1, 2, 3]
