"""SQL reads the tables it was given, ends, and reaches nothing else."""

import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest

from netflux_nb import ArgumentError, CancellationException, Runtime, agent
from netflux_nb.core.functions.versions import version_of
from netflux_nb.func_lib.query_frames import QueryError, QueryFrames
from netflux_nb.testing import FakeClock, ScriptedModel, call

pytest.importorskip("duckdb", minversion="2.0", reason="It refuses to run with an older one.")

SECRET = pd.DataFrame({"password": ["hunter2"]})
CITIES = pd.DataFrame({"city": ["Oslo", "Rome", "Bonn"], "sold": [3, 1, None]})


def ask(sql, fn=None, **more):
    fn = fn or QueryFrames({"cities": CITIES})
    with Runtime([fn]) as runtime:
        return runtime.get_ctx().invoke(fn, {"sql": sql, **more}).result(timeout=60)


def test_rows_are_given_as_a_table():
    text = ask("SELECT city, sold FROM cities ORDER BY city")

    assert text == ("city | sold\n-----+-----\nBonn | NULL\nOslo | 3.0\nRome | 1.0\n(3 rows)")


QUERIES = {
    "from": ("FROM cities LIMIT 1", "Oslo"),
    "values": ("VALUES (1), (2)", "(2 rows)"),
    "with": ("WITH x AS (SELECT 7 AS n) SELECT n FROM x", "7\n(1 row)"),
    "describe": ("DESCRIBE cities", "city        | VARCHAR"),
    "show": ("SHOW TABLES", "cities"),
    "summarize": ("SUMMARIZE cities", "approx_unique"),
    "an end": ("SELECT 1 AS a;", "(1 row)"),
    "ends": ("SELECT 1 AS a ;; ", "(1 row)"),
    "a note": ("SELECT 1 AS a -- ;", "(1 row)"),
    "a note after the end": ("SELECT 'ä;' AS a; -- x", "ä;\n(1 row)"),
    "a block": ("SELECT 1 AS a /* ) */ ; /* ; */", "(1 row)"),
    "pivot": ("PIVOT cities ON city IN ('Oslo') USING sum(sold)", "Oslo"),
    "nothing found": ("SELECT city FROM cities WHERE sold > 9", "city\n----\n(0 rows)"),
    "twice the name": ("SELECT 1 AS a, 2 AS a", "1 | 2"),
    "kinds": ("SELECT {'k': [1, NULL]} AS s, 'x'::BLOB AS b, DATE '2020-02-01' AS d", "2020-02-01"),
}


@pytest.mark.parametrize(("sql", "part"), QUERIES.values(), ids=QUERIES)
def test_a_query_may_be_written_in_many_ways(sql, part):
    assert part in ask(sql)


REFUSED = {
    "a file": ("SELECT * FROM read_csv('/etc/passwd')", "file system operations are disabled"),
    "a file by name": ("SELECT * FROM '/etc/passwd'", "does not exist"),
    "a file's text": ("FROM read_text('/proc/self/environ')", "file system operations"),
    "a folder": ("FROM glob('/*')", "file system operations"),
    "the network": ("FROM read_parquet('https://127.0.0.1:9/x')", "disabled|extension"),
    "the cloud": ("FROM 's3://a/b.parquet'", "does not exist|disabled"),
    "sniffing": ("FROM sniff_csv('/etc/passwd')", "file system operations"),
    "copy": ("COPY cities TO '{out}'", "Only a query is run here.*got COPY"),
    "copy a query": ("COPY (SELECT 1) TO '{out}' (FORMAT csv)", "got COPY"),
    "export": ("EXPORT DATABASE '{out}'", "got EXPORT"),
    "attach": ("ATTACH '{out}' AS other", "got ATTACH"),
    "install": ("INSTALL httpfs", "got LOAD"),
    "load": ("LOAD httpfs", "got LOAD"),
    "pragma": ("PRAGMA database_list", "got PRAGMA"),
    "set": ("SET enable_external_access = true", "got SET"),
    "reset": ("RESET lock_configuration", "got SET"),
    "use": ("USE memory", "got SET"),
    "variable": ("SET VARIABLE x = 1", "got SET"),
    "call": ("CALL pragma_version()", "got CALL"),
    "create": ("CREATE TABLE z AS SELECT 1", "got CREATE"),
    "macro": ("CREATE MACRO m() AS 1", "got CREATE"),
    "secret": ("CREATE SECRET s (TYPE s3)", "got|Parser"),
    "drop": ("DROP VIEW cities", "got DROP"),
    "insert": ("INSERT INTO cities VALUES ('x', 1)", "got INSERT"),
    "update": ("UPDATE cities SET sold = 0", "got UPDATE"),
    "delete": ("DELETE FROM cities", "got DELETE"),
    "truncate": ("TRUNCATE cities", "got DELETE"),
    "begin": ("BEGIN", "got TRANSACTION"),
    "commit": ("COMMIT", "got TRANSACTION"),
    "prepare": ("PREPARE p AS SELECT 1", "got PREPARE"),
    "execute": ("EXECUTE p", "got EXECUTE"),
    "explain": ("EXPLAIN ANALYZE SELECT 1", "got EXPLAIN"),
    "vacuum": ("VACUUM", "got VACUUM"),
    "two": ("SELECT 1; SELECT 2", "Give one query, got 2"),
    "two, one hidden": ("SELECT 1; COPY cities TO '{out}'", "Give one query, got 2"),
    "none": (" ; -- x", "Give one query, got 0"),
    "nothing": ("", "Give one query, got 0"),
    "a write inside": ("WITH x AS (DELETE FROM cities RETURNING *) FROM x", "WITH|exist"),
    "a write in a query": ("FROM query('COPY (SELECT 1) TO ''{out}''')", "single SELECT"),
    "logs": ("FROM enable_logging()", "locked|exist"),
    "profiles": ("FROM enable_profiling()", "locked|exist"),
    "an open end": ("SELECT 1) UNION (SELECT 2", "syntax error"),
    "an open note": ("SELECT 1 /* x", "."),
    "an open text": ("SELECT 'x", "."),
    "a wide pivot": ("PIVOT cities ON city USING sum(sold)", "PIVOT needs its values here"),
    "a parameter": ("SELECT ?", "parameter"),
    "half a character": ("SELECT '\ud800'", "half of a character pair"),
    "memory by address": ("FROM pandas_scan(140000000000000::UBIGINT)", "No function matches"),
    "arrow by address": ("FROM arrow_scan(1, 2, 3)", "No function matches"),
    "calls of Python": ("FROM python_map_function((SELECT 1))", "python_map_function"),
    "no such column": ("SELECT town FROM cities", "town"),
    "very deep": (f"SELECT {'(' * 4_000}1{')' * 4_000}", "depth"),
    "very long": ("SELECT 1" + " " * 10_000, "at most 10,000 characters, got 10,008"),
}


@pytest.mark.parametrize(("sql", "why"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_plain_query_is_refused(tmp_path, sql, why):
    with pytest.raises(QueryError, match=rf"(?s){why}") as caught:
        ask(sql.replace("{out}", str(tmp_path / "out")))

    assert len(str(caught.value)) <= 700
    assert list(tmp_path.iterdir()) == []


def test_variables_of_python_are_out_of_reach():
    hidden = SECRET.copy()

    for name in ("hidden", "SECRET", "pd", "__main__"):
        with pytest.raises(QueryError, match="does not exist"):
            ask(f"SELECT * FROM {name}")
    assert len(hidden) == 1


def test_settings_tell_nothing_of_this_machine():
    text = ask("SELECT name, value FROM duckdb_settings()", max_rows=1_000)

    assert str(Path.home()) not in text
    assert str(Path.cwd()) not in text


def test_no_file_beside_this_program_is_let_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".tmp").mkdir()
    for name in (":memory:", ":memory:.wal", ".tmp/a"):
        (tmp_path / name).write_text("hunter2")
        for path in (name, tmp_path / name):
            with pytest.raises(QueryError, match="file system operations are disabled"):
                ask(f"FROM read_text('{path}')")


def test_a_query_leaves_nothing_behind_for_the_next():
    fn = QueryFrames({"cities": CITIES})
    with Runtime([fn]) as runtime:
        ctx = runtime.get_ctx()
        first = ctx.invoke(fn, {"sql": "SELECT count(*) AS n FROM cities"}).result(timeout=60)
        ctx.invoke(fn, {"sql": "CREATE TABLE x AS SELECT 1"}).wait(timeout=60)
        again = ctx.invoke(fn, {"sql": "SELECT count(*) AS n FROM cities"}).result(timeout=60)

    assert first == again == "n\n-\n3\n(1 row)"
    assert list(CITIES.columns) == ["city", "sold"]


JOINS = "SELECT sum(a.i * b.i * c.i) FROM big a, big b, big c"
BIG = pd.DataFrame({"i": range(20_000)})


@pytest.mark.slow
@pytest.mark.parametrize("sql", [JOINS, f"SELECT count(*) FROM ({JOINS}) x, big y"])
def test_a_cancel_ends_a_query_that_would_not_end(sql):
    fn = QueryFrames({"big": BIG}, timeout_s=100)
    with Runtime([fn]) as runtime:
        node = runtime.get_ctx().invoke(fn, {"sql": sql})
        with pytest.raises(TimeoutError):
            node.result(timeout=0.3)
        node.cancel("enough")
        with pytest.raises(CancellationException, match="enough"):
            node.result(timeout=60)

    for thread in threading.enumerate():
        if thread.name == "netflux-query":
            thread.join(20)
            assert not thread.is_alive()


@pytest.mark.slow
def test_a_query_that_takes_too_long_is_stopped():
    fn = QueryFrames({"big": BIG}, timeout_s=0.2)

    with pytest.raises(QueryError, match=r"was stopped after 0\.2 s\. Ask for less"):
        ask(JOINS, fn)


def test_the_time_is_the_runtimes():
    clock = FakeClock()
    fn = QueryFrames({"big": BIG}, timeout_s=5)
    with Runtime([fn], clock=clock) as runtime:
        node = runtime.get_ctx().invoke(fn, {"sql": JOINS})
        while not node.is_done:
            clock.now += 1_000
            node.watch(node.view().update_seqnum, timeout=0.05)
        with pytest.raises(QueryError, match="was stopped after 5 s"):
            node.result()


LARGE = {
    "a long text": "SELECT repeat('x', 50000000) AS s",
    "long texts": "SELECT repeat('x', 5000000) AS s FROM range(20)",
    "a longer text": "SELECT repeat('x', 9000000000) AS s",
    "a long list": "SELECT list(range) AS s FROM range(100000000)",
    "a wide sort": "SELECT * FROM range(1000000000) ORDER BY hash(range), range",
}


@pytest.mark.slow
@pytest.mark.parametrize("sql", LARGE.values(), ids=LARGE)
def test_what_is_huge_is_cut_or_refused(sql):
    fn = QueryFrames({}, memory_mb=128, timeout_s=20)

    try:
        text = ask(sql, fn)
    except QueryError as error:
        text = str(error)

    assert len(text) < 3_000


def test_nothing_is_spilled_to_a_disk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fn = QueryFrames({}, memory_mb=32)

    with pytest.raises(QueryError, match="Memory"):
        ask("SELECT count(DISTINCT hash(range)::VARCHAR || 'x') FROM range(50000000)", fn)

    assert list(tmp_path.iterdir()) == []


def test_rows_that_are_left_out_are_counted():
    text = ask("SELECT range AS n FROM range(100000)", max_rows=3)

    assert text == (
        "n\n-\n0\n1\n2\n(3 rows shown; 99,997 more. Narrow the query, or raise `max_rows`.)"
    )


@pytest.mark.slow
def test_rows_that_take_too_long_to_count_are_left_uncounted():
    fn = QueryFrames({"big": BIG}, timeout_s=6)

    text = ask(
        "SELECT a.i FROM big a, big b, big c WHERE a.i * b.i % 7 + c.i % 3 >= 0", fn, max_rows=1
    )

    assert text.startswith("i\n-\n")
    assert "more, which took too long to count" in text


def test_all_that_is_shown_is_bounded():
    cell = ask("SELECT repeat('é', 300) AS s")
    wide = ask("SELECT repeat('x', 90) AS s FROM range(1000)", max_rows=1_000)

    assert f"\n{'é' * 100}…\n" in cell
    assert len(wide) < 20_300
    shown = wide.count("\nx")
    assert f"({shown} rows shown; {1_000 - shown:,} more." in wide


def test_no_cell_breaks_its_line():
    text = ask("SELECT 'a' || chr(10) || 'b' || chr(27) || '[2J' || chr(8238) AS \"x\ny\"")

    assert text == "x\\ny\n" + "-" * 17 + "\na\\nb\\x1b[2J\\u202e\n(1 row)"


def test_too_many_columns_are_refused():
    sql = f"SELECT {', '.join(f'{i} AS c{i}' for i in range(101))}"

    with pytest.raises(QueryError, match="has 101 columns; at most 100"):
        ask(sql)


@pytest.mark.parametrize("count", [0, -1, 1_001])
def test_how_many_rows_are_shown_is_bounded(count):
    with pytest.raises(QueryError, match="`max_rows` is 1 to 1,000, got"):
        ask("SELECT 1", max_rows=count)


def test_frames_may_be_given_anew_at_every_call():
    given = iter([{"a": CITIES}, {"b": CITIES}])
    fn = QueryFrames(lambda: next(given))

    with Runtime([fn]) as runtime:
        shown = [
            runtime.get_ctx().invoke(fn, {"sql": "SHOW TABLES"}).result(timeout=60)
            for _ in range(2)
        ]

    assert shown == ["name\n----\na\n(1 row)", "name\n----\nb\n(1 row)"]


def test_the_error_of_ones_own_callable_is_kept():
    def frames():
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        ask("SELECT 1", QueryFrames(frames))


WRONG = {
    "a quote": {'a"b': CITIES},
    "a space": {"a b": CITIES},
    "nothing": {"": CITIES},
    "a number": {1: CITIES},
    "a long name": {"x" * 65: CITIES},
    "twice": {"a": CITIES, "A": CITIES},
}


@pytest.mark.parametrize("frames", WRONG.values(), ids=WRONG)
def test_names_of_tables_are_checked(frames):
    with pytest.raises(QueryError, match=r"cannot name a table|Two tables"):
        QueryFrames(frames)


def test_what_is_no_table_is_told():
    with pytest.raises(QueryError, match="A table cannot be read"):
        ask("SELECT 1", QueryFrames({"a": object()}))


def test_a_model_is_told_of_the_tables():
    fn = QueryFrames({"cities": CITIES, "areas": CITIES})
    asker = agent("asker()", "Ask.", uses=[fn], model="scripted")
    script = ScriptedModel([call("query_frames", sql="DROP VIEW cities"), "sorry"])

    with Runtime([asker], models={"scripted": script}) as runtime:
        assert runtime.get_ctx().invoke(asker, {}).result(timeout=60) == "sorry"

    assert "The tables: areas, cities." in script.requests[0].tools[0].desc
    assert "Only a query is run here" in script.requests[1].parts[-1].outputs
    with pytest.raises(ArgumentError):
        fn.validate_coerce_args({"sql": 1})


def test_its_version_follows_its_settings():
    one, other = QueryFrames({"a": CITIES}), QueryFrames({"b": CITIES})

    assert version_of(one).is_whole
    assert one.version == QueryFrames({"a": SECRET}).version
    assert one.version not in (other.version, QueryFrames({"a": CITIES}, timeout_s=1).version)
    assert one.effect == "frames"


@pytest.mark.slow
def test_without_duckdb_it_says_what_to_install():
    code = (
        "import sys; sys.modules['duckdb'] = None\n"
        "from netflux_nb import Runtime\n"
        "from netflux_nb.func_lib.query_frames import QueryFrames\n"
        "fn = QueryFrames({})\n"
        "with Runtime([fn]) as runtime:\n"
        "    node = runtime.get_ctx().invoke(fn, {'sql': 'SELECT 1'})\n"
        "    node.wait()\n"
        "    print(node.exception)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)

    assert done.stdout.strip() == (
        'SQL needs DuckDB, which is not installed: pip install "netflux_nb[frames]"'
    )
