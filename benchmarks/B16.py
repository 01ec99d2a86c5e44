# ruff: noqa: N999  a row's name
"""B16: what a rule of the audit adds to a Node: of an argument, and of what was written."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from netflux_nb import Runtime, audit, function, state
from netflux_nb.session import here

from .B15 import more, theus
from .bench import (
    NOT_INSTALLED,
    Row,
    Sample,
    Took,
    Watch,
    peer,
    ratio,
    rounds,
    run_alone,
    show,
    times,
)

CALLS = 1_500
# Each of these at each level, so that no two rules are the same.
ASKED: list[dict[str, Any]] = [{"max": 10**9}, {"min": -1}, {"neq": -5}]
LEVELS = "SABCI"
RULES = len(ASKED) * len(LEVELS)
BAR_S = 0.5e-6


def calls(*, ins: bool, over_state: bool) -> Took:
    """Ours: calls one by one in one tree, without rules, under some of an argument, or of a state."""
    with here.fresh():
        bank: Any = state({"accounts": {f"k{n}": n for n in range(1_000)}}, name="bank")

        @function(writes=["accounts"])
        def changes(n: int) -> int:
            bank.accounts["k1"] = n
            return n

        if ins:
            rules = [{"field": "n", **one, "level": level} for one in ASKED for level in LEVELS]
            audit({"process_recipes": {"changes": {"inputs": rules}}})
        if over_state:
            for one in ASKED:
                for level in LEVELS:
                    bank.rule("accounts.*", level=level, **one)
        took: list[Took] = []

        @function(uses=[changes])
        def root(ctx: Any) -> int:
            ctx.invoke(changes, {"n": 0}).wait()
            with Watch() as watch:
                for n in range(CALLS):
                    ctx.invoke(changes, {"n": n}).wait()
            took.append(watch.each(CALLS))
            return 0

        with Runtime([root], record=False) as runtime:
            runtime.get_ctx().invoke(root, {}).result()
        return took[0]


def recipe(count: int) -> Any:
    """Give a recipe of the seed with so many rules of an argument."""
    from theus.config import ConfigFactory

    rules = "".join(f"      - {{field: n, max: {10**9 + n}, level: B}}\n" for n in range(count))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audit.yaml"
        path.write_text(f"process_recipes:\n  changes:\n    inputs:\n{rules}")
        return ConfigFactory.load_recipe(str(path))


def _row(what: str, added: float, with_rules: Sample, bare: Sample, said: str, bar: str) -> Row:
    return Row(
        "B16",
        what,
        f"added a rule {show(added)}",
        said,
        f"a call without rules {bare}",
        times(ratio(with_rules, bare)),
        bar,
        added <= BAR_S if bar else None,
    )


def measure() -> list[Row]:
    """Give the rows."""
    sides: dict[str, Any] = {
        "none": lambda: calls(ins=False, over_state=False),
        "ins": lambda: calls(ins=True, over_state=False),
        "over": lambda: calls(ins=False, over_state=True),
    }
    has_peer = peer("theus") is not None
    if has_peer:
        sides["theus none"] = lambda: theus(1_000)
        sides["theus"] = lambda: theus(1_000, lambda: recipe(RULES))
    found = rounds(sides)
    said = NOT_INSTALLED
    if has_peer:
        each = more(found["theus"], found["theus none"]) / RULES
        said = f"theus 2.1.3: {show(each)}"
    ins = more(found["ins"], found["none"]) / RULES
    over = more(found["over"], found["none"]) / RULES
    return [
        _row(f"{RULES} rules of an argument", ins, found["ins"], found["none"], said,
             f"≤ {show(BAR_S)} a rule"),
        _row(f"{RULES} rules of what was written", over, found["over"], found["none"], "", ""),
    ]  # fmt: skip


if __name__ == "__main__":
    run_alone(measure)
