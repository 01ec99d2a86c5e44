# ruff: noqa: N999  a row's name
"""B15: what a transaction adds to a Node: one key of a dict of any size changed, or rolled back."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from netflux_nb import Runtime, function, state
from netflux_nb.core.functions.kinds import CodeFunction
from netflux_nb.record.journal import Journal

from .bench import NOT_INSTALLED, Row, Sample, Took, Watch, peer, rounds, run_alone, show, times
from .bench import ratio as ratio_of

SIZES = [10, 1_000, 100_000]
CALLS = 1_500
BAR_S = 10e-6
FLAT = 1.3


class Refused(Exception):  # noqa: N818  it is meant
    """What a body fails with."""


def functions(size: int) -> tuple[CodeFunction, CodeFunction, CodeFunction]:
    """Give what changes a key of a dict of this size: plainly, in a transaction, and in vain."""
    values = {f"k{n}": n for n in range(size)}
    bank: Any = state({"accounts": values}, name="bank")

    @function
    def plainly(n: int) -> int:
        values["k1"] = n
        return n

    @function(writes=["accounts"])
    def changes(n: int) -> int:
        bank.accounts["k1"] = n
        return n

    @function(writes=["accounts"], raises=[Refused])
    def in_vain(n: int) -> int:
        bank.accounts["k1"] = n
        raise Refused

    return plainly, changes, in_vain


_made = {size: functions(size) for size in SIZES}


def calls(size: int, which: int, *, recorded: bool = False) -> Took:
    """Ours: calls one by one in one tree."""
    # The last state that was declared is the kernel's.
    fn = functions(size)[which] if which else _made[size][which]

    @function(uses=[fn])
    def root(ctx: Any) -> int:
        ctx.invoke(fn, {"n": 0}).wait()  # its version, with all that it reaches, is hashed once
        with Watch() as watch:
            for n in range(CALLS):
                ctx.invoke(fn, {"n": n}).wait()
        took.append(watch.each(CALLS))
        return 0

    took: list[Took] = []
    if recorded:
        with (
            tempfile.TemporaryDirectory() as folder,
            Journal(folder) as journal,
            Runtime([root], sink=journal) as runtime,
        ):
            runtime.get_ctx().invoke(root, {}).result()
    else:
        with Runtime([root], record=False) as runtime:
            runtime.get_ctx().invoke(root, {}).result()
    return took[0]


def theus(size: int, recipe: Callable[[], Any] = lambda: None) -> Took:
    """The seed: a process that changes a key, run by its engine; under a recipe, if one is given."""
    import theus as seed
    from theus import context

    @seed.process(inputs=[], outputs=["domain.accounts"])  # type: ignore[untyped-decorator]
    def changes(ctx: Any, n: int) -> int:
        ctx.domain_ctx.accounts["k1"] = n
        return n

    @dataclass
    class Domain(context.BaseDomainContext):  # type: ignore[name-defined,misc]
        accounts: dict[str, int] = field(default_factory=dict)

    @dataclass
    class System(context.BaseSystemContext):  # type: ignore[name-defined,misc]
        pass

    domain = Domain({f"k{n}": n for n in range(size)})
    system = System(context.BaseGlobalContext(), domain)
    engine = seed.TheusEngine(system, strict_mode=True, audit_recipe=recipe())
    engine.register_process("changes", changes)
    count = max(20, min(CALLS, 200_000 // size))
    with Watch() as watch:
        for n in range(count):
            engine.run_process("changes", n=n)
    return watch.each(count)


def more(one: Sample, other: Sample) -> float:
    """Give what one takes more of CPU than the other: the median over rounds."""
    pairs = zip(one.rounds, other.rounds, strict=True)
    return statistics.median(a.cpu - b.cpu for a, b in pairs)


def _row(what: str, added: list[float], found: list[Sample], plain: list[Sample], bar: str) -> Row:
    sizes = ", ".join(f"{n:,}: {show(a)}" for n, a in zip(SIZES, added, strict=True))
    flat = added[-1] / max(added[0], 1e-9)
    passed = max(added) <= BAR_S and flat <= FLAT if bar else None
    return Row(
        "B15",
        what,
        f"added, by entries {sizes}",
        "",
        f"a call that changes a plain dict {plain[0]}",
        f"{times(ratio_of(found[0], plain[0]))}; 100,000 to 10: {flat:.2f} ×",
        bar,
        passed,
    )


def measure() -> list[Row]:
    """Give the rows."""
    sides: dict[str, Any] = {}
    for size in SIZES:
        sides[f"plain {size}"] = lambda size=size: calls(size, 0)
        sides[f"change {size}"] = lambda size=size: calls(size, 1)
        sides[f"vain {size}"] = lambda size=size: calls(size, 2)
        sides[f"kept {size}"] = lambda size=size: calls(size, 1, recorded=True)
        sides[f"bare {size}"] = lambda size=size: calls(size, 0, recorded=True)
    has_peer = peer("theus") is not None
    if has_peer:
        for size in SIZES:
            sides[f"theus {size}"] = lambda size=size: theus(size)
    found = rounds(sides)

    def of(name: str) -> list[Sample]:
        return [found[f"{name} {size}"] for size in SIZES]

    def added(name: str, base: str) -> list[float]:
        return [more(a, b) for a, b in zip(of(name), of(base), strict=True)]

    said = NOT_INSTALLED
    if has_peer:
        said = ", ".join(f"{n:,}: {s}" for n, s in zip(SIZES, of("theus"), strict=True))
    bar = f"≤ {show(BAR_S)} added, ≤ {FLAT} × from 10 to 100,000"
    rows = [
        _row("a transaction that changes one key", added("change", "plain"), of("change"),
             of("plain"), bar),
        _row("one that is rolled back", added("vain", "plain"), of("vain"), of("plain"), ""),
        _row("one that is recorded", added("kept", "bare"), of("kept"), of("bare"), ""),
    ]  # fmt: skip
    rows[0] = Row(
        **{**{f: getattr(rows[0], f) for f in rows[0].__slots__}, "peer": f"theus {said}"}
    )
    return rows


if __name__ == "__main__":
    run_alone(measure)
