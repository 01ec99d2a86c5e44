"""The agents of the example flow: plain code, so that nothing is paid."""

from typing import Any

from netflux_nb import function


@function(effect="files")
def collect(dataset: dict, seed: int) -> list[int]:
    """Give what grew."""
    return [seed % 7, 3, 4]


@function
def weigh(collect: list[int]) -> int:
    """Sum it up."""
    return sum(collect)


@function
def report(results: dict, agent_id: str, unit: str = "kg") -> str:
    """Say it."""
    return f"{agent_id}: {results['weigh']} {unit} of {len(results['collect'])}"


@function
def is_plausible(outputs: Any) -> bool:
    """Hold the sum to what can be."""
    return outputs["weigh"] < 100
