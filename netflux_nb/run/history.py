"""The versions of a Function in the record: their changes, runs and costs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core.errors import NoNodeError
from ..core.functions.display import Displayed
from ..core.functions.kinds import Function
from ..core.functions.versions import described, version_in
from ..record.sql import store
from ..record.sql.engine import quoted
from ..session import flush, home
from ..show import changes, histories
from ..show.parts.html import Page, folded, safe
from ..show.parts.numbers import NO_TIME, is_stable, usd
from ..show.parts.shown import Shown
from ..show.parts.tables import Column, table

if TYPE_CHECKING:
    import pandas as pd

MOST_VERSIONS = 50
_COLUMNS = (
    Column("version"),
    Column("first called (UTC)"),
    *(Column(title, is_number=True) for title in ("runs", "calls", "failed", "money")),
    Column("changed"),
)
_JSON = ("args", "uses", "settings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """One version of a Function, and what came of it."""

    version: str
    first_called: Any = None
    runs: int = 0
    calls: int = 0
    failed: int = 0
    # What its own requests cost, without those of what it called; None where a price is unknown.
    usd: float | None = 0.0
    # What differs from the version before, in words and as lines.
    changed: tuple[str, ...] = ()
    diff: str = ""
    is_current: bool = False


class History(Displayed):
    """The versions of a Function, the oldest first; the last is what is defined now."""

    def __init__(self, fn: str, editions: Sequence[Edition]) -> None:
        self.fn = fn
        self.editions = tuple(editions)

    def __len__(self) -> int:
        return len(self.editions)

    def __getitem__(self, place: int) -> Edition:
        return self.editions[place]

    @property
    def df(self) -> pd.DataFrame:
        """One row a version."""
        import pandas as pd

        names = ("version", "first_called", "runs", "calls", "failed", "usd", "changed", "diff")
        rows = [[getattr(one, name) for name in names] for one in self.editions]
        return pd.DataFrame(rows, columns=list(names))

    def __repr__(self) -> str:
        return f"<History of {self.fn}, {len(self)} versions>"


def history(fn: Function) -> History:
    """List a Function's versions as they are in the record, and the one that is defined now."""
    folder = home()
    if folder is None:
        raise NoNodeError("Runs are not recorded here, so there is no history.")
    flush()
    name, now = quoted(fn.name), fn.version
    versions: list[dict[Any, Any]] = []
    stats: dict[str, Mapping[Any, Any]] = {}
    costs: dict[str, list[float | None]] = {}
    if folder.is_dir():
        found = store.sql(
            f"SELECT * FROM functions WHERE fn = {name} ORDER BY first_called", folder
        )
        versions = _records(found)
        counted = store.sql(
            "SELECT version, count(DISTINCT run)::BIGINT AS runs, count(*)::BIGINT AS calls, "
            "(count(*) FILTER (state = 'Error'))::BIGINT AS failed "
            f"FROM nodes WHERE fn = {name} GROUP BY version",
            folder,
        )
        stats = {_bare(row["version"]): row for row in _records(counted)}
        asked = store.sql(
            "SELECT n.version AS of_version, c.* FROM calls c "
            f"JOIN nodes n USING (run, node) WHERE n.fn = {name}",
            folder,
        )
        for row in _records(asked):
            if not row["served"]:
                costs.setdefault(_bare(row["of_version"]), []).append(histories.cost_of(row))
    if all(_bare(row["version"]) != now for row in versions):
        versions.append({"version": now, "first_called": None, **_told(described(fn))})
    return History(fn.name, _editions(versions[-MOST_VERSIONS:], stats, costs, now))


def _bare(text: Any) -> str:
    version = version_in(text)
    return "" if version is None else version.digest


def _records(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    return list(frame.astype(object).where(frame.notna(), None).to_dict("records"))


def _told(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Give a description as the record has it, with its names and JSON as of `described`."""
    words = {str(name): value for name, value in row.items()}
    words["desc"] = words.pop("description", words.get("desc"))
    for name in _JSON:
        if isinstance(words.get(name), str):
            held = json.loads(words[name])
            # A record says of values that they are JSON, and are not held elsewhere.
            is_plain = isinstance(held, dict) and held.keys() == {"json"}
            words[name] = held["json"] if is_plain else held
    return words


def _editions(
    versions: Sequence[Mapping[Any, Any]],
    stats: Mapping[str, Mapping[Any, Any]],
    costs: Mapping[str, Sequence[float | None]],
    now: str,
) -> list[Edition]:
    made: list[Edition] = []
    before: dict[str, Any] | None = None
    for row in versions:
        told, version = _told(row), _bare(row["version"])
        counted = stats.get(version, {})
        paid = costs.get(version, ())
        words: tuple[str, ...] = ()
        lines = ""
        if before is not None:
            words = tuple(changes.changed(before, told)) or ("what it uses or reaches",)
            lines = changes.diff_of(before, told)
        made.append(
            Edition(
                version=version,
                first_called=row.get("first_called"),
                runs=int(counted.get("runs") or 0),
                calls=int(counted.get("calls") or 0),
                failed=int(counted.get("failed") or 0),
                usd=None if None in paid else sum(one or 0.0 for one in paid),
                changed=words,
                diff=lines,
                is_current=version == now,
            )
        )
        before = told
    return made


def _moment(time: Any) -> str:
    return NO_TIME if is_stable() else f"{time:%Y-%m-%d %H:%M:%S}"


def shown(history: History) -> Shown:
    """Show the versions, the newest first, with what changed in each."""
    rows = [
        [
            f"{one.version[:8]}{' (now)' if one.is_current else ''}",
            "never" if one.first_called is None else _moment(one.first_called),
            one.runs,
            one.calls,
            one.failed or "",
            usd(one.usd) if one.calls else "",
            ", ".join(one.changed),
        ]
        for one in reversed(history.editions)
    ]
    drawn = table(rows, _COLUMNS, title=f"Versions of {history.fn}")
    diffs = [(one.version[:8], one.diff) for one in reversed(history.editions) if one.diff]
    text = "\n".join([str(drawn), *(f"§ {version}\n{lines}" for version, lines in diffs)])

    def html() -> str:
        page = Page(60_000)
        page.add(drawn.inner)
        for number, (version, lines) in enumerate(diffs):
            title = f"what changed in <code>{safe(version)}</code>"
            page.add(folded(title, changes.html_of(lines), is_open=number == 0))
        return str(page)

    return Shown(text, html, "History")
