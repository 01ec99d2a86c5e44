"""What strangers made is read, or refused in one line of ours (Q68)."""

import hashlib
import json
import os
import random
from collections.abc import Iterator
from contextlib import suppress

import pytest
from record_views import views

from netflux_nb import NetfluxError, Runtime, function
from netflux_nb.core.errors import RecordError
from netflux_nb.func_lib.query_frames import QueryError, QueryFrames
from netflux_nb.record import bundle, reading, retention
from netflux_nb.record.chain import hash_of, line_of, words_of
from netflux_nb.record.sql import export, store
from netflux_nb.record.sql.sql_views import VIEWS
from netflux_nb.run.listing import Runs

from .conftest import asks, double, fan
from .test_bundle import parts_of, put_together, rebound

TRIES = 40
DEEP = json.loads("[" * 150 + "]" * 150)
ODD = [None, True, -1, 2**63, 10**30, 1e308, "", "../x", "\u0000", "\ud800", "x" * 3000, [], {}]
ODD += [[None], {"json": 1}, {"json": {"$tuple": 1}}, {"json": {"$bytes": "zz"}}, {"held": 1}]
ODD += [{"json": {"$date": "x"}}, {"json": {"$dict": [[1]]}}, {"json": {"$int": "x"}}, DEEP]
ODD += [{"artifact": "0" * 64, "kind": "frame", "type": "DataFrame"}, {"part": "ModelTextPart"}]
EVENTS = [
    "NodeOpened",
    "NodeClosed",
    "RequestEnded",
    "RequestStarted",
    "PartAdded",
    "Noted",
    "RunBegan",
    "Drawn",
]
EVENTS += ["Answered", "Function", "Environment", "TranscriptSet", "UsageSet", "Segment", "Nothing"]


def places(value, at=()) -> Iterator[tuple]:
    yield at
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*at, key))


def altered(data, chance):
    """Write the lines of a file anew, one or more of them odd; every hash fits."""
    rows = [json.loads(line) for line in data.splitlines()]
    for row in rows:
        del row["hash"]
    for _ in range(chance.choice([1, 1, 2, 4])):
        here = chance.randrange(1, len(rows))
        match chance.randrange(10):
            case 0:
                del rows[here]
            case 1:
                rows.insert(chance.randrange(1, len(rows)), dict(rows[here]))
            case 2:
                rows[here]["event"] = chance.choice(EVENTS)
            case _:
                *way, last = chance.choice([p for p in places(rows[here]) if p and p != ("run",)])
                inner = rows[here]
                for key in way:
                    inner = inner[key]
                if chance.random() < 0.2:
                    del inner[last]
                else:
                    inner[last] = chance.choice(ODD)
    chains, first, lines = {}, "", []
    for row in rows:
        words, run = words_of(row), str(row.get("run"))
        mark = hash_of(chains.get(run, first), words) if first else hash_of("", words)
        first = first or mark
        chains[run] = mark
        lines.append(line_of(words, mark))
    return "".join(lines).encode("utf-8", "surrogatepass")


def looks(folder, runs, chance, out):
    """Give ways to look at a stranger's record."""
    strange = Runs(lambda: folder, is_whole=True)
    run = strange[chance.choice(runs)]
    return [
        lambda: views(folder),
        lambda: store.rows(f"SELECT * FROM {chance.choice(list(VIEWS))}", folder),
        strange.table,
        lambda: run.view().bill(),
        lambda: run.tree().html,
        lambda: str(run.timeline()),
        lambda: str(run.why()),
        lambda: run.recording,
        run.verify,
        lambda: run.export(out / "page.html"),
        lambda: str(run.diff(run)),
    ]


@pytest.mark.slow
def test_q68_a_bundle_with_odd_lines_is_read_or_refused(recorded, tmp_path):
    seed = int(os.environ.get("NETFLUX_SEED", random.SystemRandom().getrandbits(32)))
    print(f"NETFLUX_SEED={seed}")
    chance = random.Random(seed)
    runs = recorded.add((double, {"x": 1}), (fan, {"n": 3}), (asks, {"q": "?"}))
    runs.append(recorded.text("a"))
    bundle.write(recorded.folder, runs, tmp_path / "one.nfrun")
    parts = parts_of(tmp_path / "one.nfrun")
    segment = next(name for name in parts if name.startswith("segments/"))
    read = 0
    for _ in range(TRIES):
        try:
            odd = altered(parts[segment], chance)
        except (ValueError, UnicodeError):
            continue  # no line can say it
        put_together(tmp_path / "odd.nfrun", {**parts, segment: odd})
        folder = None
        with suppress(RecordError):
            folder = bundle.opened(tmp_path / "odd.nfrun")
        if folder is not None:
            read += 1
            some = []
            with suppress(NetfluxError):  # the run that is looked at may be none any more
                some = chance.sample(looks(folder, runs, chance, tmp_path), 3)
            for look in some:
                with suppress(NetfluxError):
                    look()
    assert read


CONTENTS = {
    "no utf-8": b"\xff\xfe",
    "no json": b"{",
    "deep": b"[" * 100_000,
    "half an array": b"\x93NUMPY\x01\x00",
    "half a table": b"PAR1" + bytes(50) + b"PAR1",
}


@pytest.mark.parametrize("kind", ["text", "json", "array", "frame", "mixed", "nothing"])
@pytest.mark.parametrize("what", CONTENTS)
def test_q68_a_large_value_that_is_none_is_one_line(recorded, tmp_path, what, kind):
    run, content = recorded.text("a"), CONTENTS[what]
    bundle.write(recorded.folder, [run], tmp_path / "one.nfrun")
    parts = parts_of(tmp_path / "one.nfrun")
    name = next(one for one in parts if one.startswith("artifacts/"))
    segment = next(one for one in parts if one.startswith("segments/"))
    old, new = name[10:].replace("/", ""), hashlib.sha256(content).hexdigest()

    def change(row):
        text = json.dumps(row).replace('"kind": "text"', f'"kind": "{kind}"')
        return json.loads(text.replace(old, new))

    odd = {key: value for key, value in parts.items() if key != name}
    odd |= {f"artifacts/{new[:2]}/{new[2:]}": content, segment: rebound(parts[segment], change)}
    put_together(tmp_path / "odd.nfrun", odd)
    folder = bundle.opened(tmp_path / "odd.nfrun")
    strange = Runs(lambda: folder, is_whole=True)[run]

    assert strange.view().fn.name == "repeat"
    assert strange.tree().html
    for look in (strange.secrets_scan, lambda: strange.recording, strange.verify):
        with suppress(NetfluxError):
            look()


def test_q68_a_run_without_a_beginning_is_one_line(recorded, tmp_path):
    (run,) = recorded.add((double, {"x": 1}))
    bundle.write(recorded.folder, [run], tmp_path / "one.nfrun")
    parts = parts_of(tmp_path / "one.nfrun")
    segment = next(one for one in parts if one.startswith("segments/"))

    def change(row):
        return row | ({"event": "Nothing"} if row["event"] == "NodeOpened" else {})

    put_together(tmp_path / "o.nfrun", {**parts, segment: rebound(parts[segment], change)})
    folder = bundle.opened(tmp_path / "o.nfrun")

    with pytest.raises(NetfluxError) as caught:
        reading.read_view(folder, run)

    assert len(str(caught.value).splitlines()) == 1


LOOKS = {
    "sql": lambda place: store.sql("SELECT * FROM runs", place),
    "rows": lambda place: store.rows("SELECT * FROM nodes", place),
    "files": reading.files,
    "views": views,
    "deleted": reading.deleted,
}


@pytest.mark.parametrize("look", LOOKS)
def test_q68_a_folder_that_is_a_loop_of_links_is_one_line(tmp_path, look):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")

    with pytest.raises(RecordError) as caught:
        LOOKS[look](tmp_path / "a")

    assert len(str(caught.value).splitlines()) == 1
    assert "Too many levels of symbolic links" in str(caught.value)


@pytest.mark.parametrize("look", [*LOOKS, "sizes", "export"])
def test_who_asks_leaves_nothing_in_a_folder_that_is_no_record(tmp_path, look):
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    looks = {
        **LOOKS,
        "sizes": retention.sizes,
        "export": lambda place: export.to_duckdb(place, tmp_path / "out.duckdb"),
    }

    looks[look](folder)

    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_q68_a_loop_of_links_among_the_files_is_passed_over(recorded):
    recorded.add((double, {"x": 1}))
    (recorded.folder / "x.jsonl").symlink_to(recorded.folder / "y.jsonl")
    (recorded.folder / "y.jsonl").symlink_to(recorded.folder / "x.jsonl")

    assert store.rows("SELECT fn FROM runs", recorded.folder) == [("double",)]


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b"], ids=["long", "nul"])
def test_q68_a_name_that_no_folder_has_is_one_line(name):
    with pytest.raises(RecordError, match="cannot be read"):
        store.sql("SELECT * FROM runs", name)


@pytest.mark.parametrize("query", ["update extensions", "UPDATE EXTENSIONS (x)"])
def test_q68_a_statement_without_a_name_is_refused_in_one_line(query):
    import pandas as pd

    pytest.importorskip("duckdb", minversion="2.0")
    ask = QueryFrames({"t": pd.DataFrame({"a": [1]})})

    @function(uses=[ask])
    def agent() -> str:
        """Ask."""
        return ask(sql=query)

    with Runtime([agent, ask]) as runtime:
        node = runtime.get_ctx().invoke(agent, {})
        node.wait(timeout=60)

        assert isinstance(node.exception, QueryError)
        assert "Only a query is run here" in str(node.exception)
