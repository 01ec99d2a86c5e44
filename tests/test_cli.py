"""The command line: what it prints, and what it answers with."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from netflux_nb import NodeState, runs, session, sql
from netflux_nb.cli import main
from netflux_nb.cli.entry import exit_code
from netflux_nb.cli.printing import plain, table
from netflux_nb.core.json.canonical import digest
from netflux_nb.jupyter.panel.past_runs import Past

EXAMPLE = Path(__file__).parent / "flows"
MINE = '''
import os
from netflux_nb import Runtime, agent, function, use
from netflux_nb.testing import ScriptedModel
from netflux_nb.determinism.claims import Bundle, Claim

title = agent("title(text: str)", "Title of {text}", model="scripted")


@function(uses=[title])
def study(text: str, times: int = 1) -> list[str]:
    """Name a text."""
    return [title(text=text) for _ in range(times)]


@function(effect="files")
def fetch(name: str) -> str:
    """Reach outside."""
    with open("fetched", "a") as file:
        file.write(name)
    return name


@function(uses=[fetch])
def breaks(name: str) -> int:
    """Fail, unless told otherwise."""
    fetch(name=name)
    if os.path.exists("mended"):
        return 1
    raise ConnectionError(f"{name} is \\x1b[31mdown\\u202e")


@function
def claims() -> Bundle:
    """Claim without evidence."""
    return Bundle(claims=[Claim("c1", "It rains")])


use(Runtime(is_open=True, models={"scripted": ScriptedModel(lambda request: "<A title>")}))
'''

# A step that kills its process, the first time.
KILLED = '''

import os
import signal
from netflux_nb import session


@function
def report(results: dict, agent_id: str, unit: str = "kg") -> str:
    """Say it."""
    if not os.path.exists("mended"):
        session.flush()
        # Where there is no SIGKILL, SIGTERM is as sudden.
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    return f"{agent_id}: {results['weigh']} {unit}"
'''


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with the example flow, a module, and a record of its own."""
    for path in EXAMPLE.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    # Names of modules are the process' own.
    mine = tmp_path / f"mine_{digest(str(tmp_path))[:10]}.py"
    mine.write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETFLUX_HOME", str(tmp_path / "record"))
    path, before = list(sys.path), set(sys.modules)
    yield mine.stem
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
    for runtime in session.runtimes():
        runtime.close()
    session.close_records()


@pytest.fixture
def cli(place, capsys):
    """Run one command: its code, what it printed, its errors by line."""

    def run(*words):
        capsys.readouterr()
        code = main(list(words))
        said = capsys.readouterr()
        if "--json" in words and said.out:
            return code, json.loads(said.out), said.err.splitlines()
        return code, said.out, said.err.splitlines()

    return run


def a_flow(**changes):
    words = json.loads(Path("flow.json").read_text())
    Path("flow.json").write_text(json.dumps({**words, **changes}))


def real(*words, **env):
    return subprocess.run(
        [sys.executable, "-m", "netflux_nb", *words],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "PYTHONPATH": str(EXAMPLE.parents[1]), **env},
    )


# The seed's commands on the seed's files.


@pytest.mark.slow
def test_f92_f93_a_flow_is_run_and_its_record_exported(cli):
    code, found, errors = cli(
        *("run", "flow.json", "--policy", "policy.json", "--db-path", "F.duckdb", "--json")
    )

    assert (code, errors) == (0, [])
    assert found["is_ok"]
    assert found["state"] == "Success"
    assert found["outputs"]["results"]["weigh"] == 8
    assert found["verification"]["status"] == "PASS"
    assert (found["flow_id"], found["tenant_id"], found["mode"]) == ("harvest", "farm", "live")
    assert cli("validate", "db", "--db-path", "F.duckdb")[0] == 0
    assert cli("validate", "F.duckdb", "--json")[1]["is_sound"]


@pytest.mark.slow
def test_f92_the_seeds_commands_in_processes_of_their_own(place):
    ran = real("run", "flow.json", "--policy", "policy.json", "--db-path", "F.duckdb", "--json")
    assert (ran.returncode, ran.stderr) == (0, "")
    run = json.loads(ran.stdout)["run_id"]

    words = ("--policy", "policy.json", "--run-id", run, "--tenant-id", "farm")
    replayed = real("replay", "flow.json", *words, "--db-path", "F.duckdb")
    assert (replayed.returncode, replayed.stderr) == (0, "")
    assert "All came out as it was recorded" in replayed.stdout
    assert "has changed" not in replayed.stdout

    shown = real("inspect", "run", run, "--tenant-id", "farm", "--db-path", "F.duckdb")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "verify_harvest" in shown.stdout


@pytest.mark.slow
def test_f49_a_flow_that_was_killed_is_gone_on_with(place):
    with Path("functions.py").open("a") as file:
        file.write(KILLED)
    killed = real("run", "flow.json", "--functions", "functions.py")
    assert killed.returncode < 0
    Path("mended").touch()

    assert real("inspect", "last").returncode == 1
    assert " CutOff " in real("runs").stdout
    explained = real("explain", "failure", "last", "--json")
    assert explained.returncode == 1
    assert json.loads(explained.stdout)["unfinished"] == ["harvest", "harvest/report"]
    again = real("resume", "last", "--functions", "functions.py", "--json")
    assert (again.returncode, again.stderr) == (0, "")
    assert json.loads(again.stdout)["outputs"]["results"]["weigh"] == 8
    assert real("diff", "run", "last", "last").returncode == 0


def test_f92_the_hidden_spellings_work_too(cli):
    assert cli("experimental", "plan", "flow.json")[0] == 0
    assert cli("experimental", "dry-run", "flow.json")[0] == 0
    assert cli("experimental", "unsafe-run", "flow.json")[0] == 0
    assert cli("experimental", "inspect", "run", "last")[0] == 0


def test_f92_no_command_at_all_is_a_mistake_of_one_line(cli):
    code, out, errors = cli()

    assert (code, out, len(errors)) == (2, "", 1)
    assert "Name a command" in errors[0]


@pytest.mark.slow
def test_f92_a_run_that_only_an_exported_file_holds_is_shown(cli):
    run = cli("run", "flow.json", "--db-path", "F.duckdb", "--json")[1]["run_id"]
    words = ("inspect", "run", run, "--db-path", "F.duckdb", "--store", "elsewhere")

    code, found, _ = cli(*words, "--tenant-id", "farm", "--json")
    assert (code, found["run"]["flow_id"], found["is_ok"]) == (0, "harvest", True)
    assert "Verification: PASS" in cli(*words)[1]
    code, out, errors = cli(*words, "--tenant-id", "mill")
    assert (code, out) == (1, "")
    assert "no run" in errors[0]


def test_f32_a_plan_is_printed_and_nothing_is_recorded(cli):
    code, found, _ = cli("plan", "flow.json", "--json")

    assert code == 0
    assert [step["agent_id"] for step in found["steps"]] == ["collect", "weigh", "report"]
    assert found["calls"]["effects"] == ["files"]
    assert len(found["plan_hash"]) == 64
    assert cli("runs")[1] == "There is none.\n"
    assert "2  report  after collect, weigh" in cli("plan", "flow.json")[1]


@pytest.mark.slow
def test_f33_a_dry_run_is_recorded_as_one(cli):
    code, found, _ = cli("dry-run", "flow.json", "--json")

    assert (code, found["mode"]) == (0, "dry-run")
    assert cli("runs", "--json")[1][0]["mode"] == "dry-run"


def test_f79_a_replay_needs_to_know_which_run(cli):
    assert cli("replay", "flow.json")[0] == 2


def test_f80_a_flow_that_changed_diverges_with_code_3(cli):
    cli("run", "flow.json")
    a_flow(determinism_level="unconstrained")

    code, _, errors = cli("replay", "flow.json", "--run-id", "last")

    assert code == 3
    assert len(errors) == 1
    assert "determinism_level, plan_hash" in errors[0]


def test_f80_an_observational_replay_takes_it_with_a_warning(cli):
    cli("run", "flow.json")
    a_flow(determinism_level="unconstrained")

    code, found, _ = cli(
        *("replay", "flow.json", "--run-id", "last", "--mode", "observational", "--json")
    )

    assert (code, found["served"]) == (0, 0)


def test_f91_a_flow_that_was_not_verified_ends_with_1(cli, place):
    a_flow(agents=["claims"], dependencies=[], verification_gates=[])

    code, found, errors = cli("run", "flow.json", "--functions", f"{place}.py", "--json")

    assert code == 1
    assert not found["is_ok"]
    assert "VerificationFailure" in errors[0]
    assert errors[-1] == "netflux-nb: Failure: semantic"


def test_f91_unsafe_goes_on_and_still_answers_1(cli, place):
    a_flow(agents=["claims"], dependencies=[], verification_gates=[])

    code, found, errors = cli(
        *("run", "--mode", "unsafe", "flow.json", "--functions", place, "--json")
    )

    assert (code, found["state"]) == (1, "Success")
    assert errors[-1] == "netflux-nb: Failure: semantic"
    assert cli("inspect", "last")[0] == 1
    code, _, errors = cli("explain", "failure", "last")
    assert (code, errors[-1]) == (1, "netflux-nb: Failure: semantic")


def test_f17_strict_determinism_refuses_what_was_not_declared(cli, monkeypatch):
    a_flow(nondeterminism_intent=[], agents=["collect"], dependencies=[], verification_gates=[])

    assert cli("run", "flow.json")[0] == 0
    code, _, errors = cli("run", "flow.json", "--strict-determinism")
    assert code == 1
    assert "entropy used without declared" in errors[0]
    monkeypatch.setenv("AGENTIC_FLOWS_STRICT", "1")
    assert cli("run", "flow.json")[0] == 1
    assert cli("dry-run", "flow.json")[0] == 1
    assert "forbids the mode dry-run" in cli("dry-run", "flow.json")[2][0]


def test_f3_another_tenant_has_no_such_run(cli):
    cli("run", "flow.json")

    assert cli("inspect", "run", "last", "--tenant-id", "farm")[0] == 0
    code, out, errors = cli("inspect", "run", "last", "--tenant-id", "mill")
    assert (code, out) == (2, "")
    assert "'mill' has no run" in errors[0]
    assert cli("run", "flow.json", "--tenant-id", "mill")[0] == 2


def test_f34_a_flow_without_integrations_fails_loudly(cli):
    Path("functions.py").unlink()
    a_flow(agents=["nobody_here"], dependencies=[])

    code, out, errors = cli("run", "flow.json")

    assert (code, out, len(errors)) == (2, "", 1)
    assert "'nobody_here' names no registered Function" in errors[0]


def test_f94_a_flow_file_is_validated(cli):
    assert cli("validate", "flow.json")[0] == 0
    a_flow(flow_version=3)
    code, out, errors = cli("validate", "flow.json")
    assert (code, out, len(errors)) == (2, "", 1)
    assert "no key 'flow_version'" in errors[0]


# Our own runs.


def test_a_function_is_run_with_arguments_by_name(cli, place):
    code, found, errors = cli("run", f"{place}:study", "text=1 fish", "times=2", "--json")

    assert (code, errors) == (0, [])
    assert found["outputs"] == ["<A title>", "<A title>"]
    assert found["nodes"] == 3


@pytest.mark.slow
def test_runs_are_listed_shown_compared_and_asked(cli, place):
    cli("run", f"{place}:study", "text=a")
    cli("run", f"{place}.py:study", "text=b")
    first, second = (row["run"] for row in cli("runs", "--json")[1])

    assert "study" in cli("runs")[1]
    assert "title(text='b')" in cli("inspect", first)[1]
    assert cli("inspect", second, "--json")[1]["faults"] == []
    assert cli("diff", first, first)[0] == 0
    code, found, _ = cli("diff", first, second, "--json")
    assert (code, found["is_same"]) == (3, False)
    assert "First divergence" in cli("diff", first, second)[1]
    assert cli("sql", "SELECT count(*) AS n FROM nodes", "--json")[1] == [{"n": 4}]
    assert cli("runs", "--limit", "1", "--json")[1][0]["run"] == first


def test_a_run_is_replayed_and_a_changed_one_diverges(cli, place):
    cli("run", f"{place}:study", "text=a")

    code, out, _ = cli("replay", "last")
    assert code == 0
    assert "All came out as it was recorded" in out

    path = Path(f"{place}.py")
    path.write_text(path.read_text().replace("Title of", "A title of"))
    del sys.modules[place]
    changed = Path(f"{place}_new.py")
    path.rename(changed)
    code, found, errors = cli("replay", "last", "--functions", str(changed), "--json")
    assert code == 3
    assert "Title of" in found["divergence"]
    assert len(errors) == 1


@pytest.mark.slow
def test_a_run_that_failed_is_explained_and_gone_on_with(cli, place):
    code, out, errors = cli("run", f"{place}:breaks", "name=mill")
    assert code == 1
    assert errors[-1] == "netflux-nb: Failure: environmental"
    assert "\x1b" not in out + "".join(errors)
    assert "\u202e" not in out + "".join(errors)

    code, found, _ = cli("explain", "last", "--json")
    assert code == 1
    assert found["failure_class"] == "environmental"
    assert (found["path"], found["inputs"]) == ("breaks", {"name": "'mill'"})
    assert "environmental, at breaks" in cli("explain", "failure", "last")[1]

    Path("mended").touch()
    code, found, _ = cli("resume", "last", "--json")
    assert (code, found["outputs"]) == (0, 1)
    assert Path("fetched").read_text() == "mill"
    assert cli("resume", "last")[0] == 2


def test_f35_a_stored_run_is_observed(cli, place):
    cli("run", f"{place}:claims")

    code, found, errors = cli("observe", "last", "--policy", "policy.json", "--json")

    assert (code, found["status"]) == (1, "FAIL")
    assert errors[-1] == "netflux-nb: Failure: semantic"


def test_a_function_is_held_to_a_policy_where_one_is_given(cli, place):
    assert cli("run", f"{place}:claims")[0] == 0
    assert cli("run", f"{place}:claims", "--policy", "policy.json")[0] == 1
    assert cli("run", f"{place}:study", "text=a", "--policy", "policy.json")[0] == 0


def test_with_json_only_the_document_is_on_the_output(place):
    with Path(f"{place}.py").open("a") as file:
        file.write(
            "print('loaded')\n@function\ndef loud() -> int:\n    print('run')\n    return 1\n"
        )

    done = real("run", f"{place}:loud", "--json")
    again = real("replay", "last", "--functions", place, "--json")

    assert json.loads(done.stdout)["outputs"] == 1
    assert json.loads(again.stdout)["is_same"]
    assert done.stderr.split() == again.stderr.split() == ["loaded", "run"]


def test_a_question_that_nobody_can_be_asked_ends_the_command_and_is_kept(cli, place):
    with Path(f"{place}.py").open("a") as file:
        file.write("@function\nasync def asks(ctx) -> str:\n    return await ctx.ask('Which?')\n")

    code, out, errors = cli("run", f"{place}:asks")
    listed = cli("runs", "--json")[1]

    assert (code, out) == (1, "")
    assert "asks: Which?" in errors[0]
    assert "PendingError" in errors[0]
    assert errors[1] == "netflux-nb: Failure: authority"
    assert [row["state"] for row in listed] == ["Canceled"]


def test_a_function_is_planned_and_tried(cli, place):
    code, found, _ = cli("plan", f"{place}:study", "--json")
    assert (code, found["models"]) == (0, ["scripted"])
    assert "arguments of study() were not given" in found["unjudged"][0]
    assert cli("plan", f"{place}:study", "size=1")[0] == 2

    code, found, _ = cli("dry-run", f"{place}:breaks", "name=x", "--json")
    assert code == 1
    assert not Path("fetched").exists()
    assert cli("dry-run", f"{place}:study", "text=a", "--json")[1]["outputs"] == ["dry run"]


@pytest.mark.slow
def test_a_run_is_exported_and_the_bundle_asked(cli, place):
    cli("run", f"{place}:study", "text=a")

    assert cli("export", "last", "one.nfrun")[0] == 0
    assert cli("export", "last", "one.duckdb", "--json")[1]["file"] == "one.duckdb"
    assert cli("validate", "one.nfrun")[0] == 0
    assert cli("validate", "record")[0] == 0
    assert cli("inspect", "one.nfrun")[0] == 0
    assert cli("export", "last", "one.zip")[0] == 2
    assert cli("export", "last", "nowhere/one.duckdb")[0] == 2


def test_a_damaged_record_is_named(cli, place):
    cli("run", f"{place}:study", "text=a")
    session.close_records()
    [path] = Path("record").glob("*.jsonl")
    path.write_text(path.read_text().replace("<A title>", "<B title>"))

    assert cli("validate", "record")[0] == 1
    assert cli("inspect", "last")[0] == 1


def test_another_store_is_asked_where_it_is_named(cli, place):
    cli("run", f"{place}:study", "text=a", "--store", "other")

    assert cli("runs")[1] == "There is none.\n"
    assert len(cli("runs", "--store", "other", "--json")[1]) == 1
    assert "record" not in {path.name for path in Path().iterdir()}


def test_nowhere_to_record_is_said(cli, place, monkeypatch):
    monkeypatch.setenv("NETFLUX_HOME", "off")

    code, _, errors = cli("run", f"{place}:study", "text=a")

    assert code == 2
    assert "--store" in errors[0]


MISTAKES = [
    ["bogus"],
    ["run"],
    ["run", "nope"],
    ["run", "nope_nope:x"],
    ["run", "nope.py:x"],
    ["run", "MINE:nothing"],
    ["run", "MINE:os"],
    ["run", ":x"],
    ["run", "MINE:study"],
    ["run", "MINE:study", "text"],
    ["run", "MINE:study", "text=a", "text=b"],
    ["run", "MINE:study", "text=a", "times=many"],
    ["run", "MINE:study", "text=a", "--store"],
    ["run", "missing.json"],
    ["run", "flow.json", "--policy", "missing.json"],
    ["run", "flow.json", "--policy", "flow.json"],
    ["run", "flow.json", "unit=kg", "size=1"],
    ["run", "broken.py:x"],
    ["run", "raises.py:x"],
    ["inspect", "nope"],
    ["inspect", "last"],
    ["explain", "../../etc"],
    ["diff", "a"],
    ["replay", "nope"],
    ["resume", "nope"],
    ["export", "nope", "x.nfrun"],
    ["inspect", "nope.nfrun"],
    ["inspect", "raises.py.nfrun"],
    ["validate"],
    ["validate", "nope"],
    ["sql", "SELECT nothing"],
    ["sql", "SELECT * FROM nowhere"],
    ["runs", "--limit", "-1"],
    ["runs", "--limit", "x"],
    ["runs", "--store", "nowhere"],
    ["replay", "last", "--store", "nowhere"],
    ["export", "last", "nowhere/x.nfrun"],
    ["inspect", "a\x1b[31m\u202e\nb"],
]


@pytest.mark.parametrize("words", MISTAKES, ids=" ".join)
def test_f90_a_mistake_is_told_in_one_line_without_a_traceback(cli, place, words):
    Path("broken.py").write_text("def (:\n")
    Path("raises.py").write_text("raise RuntimeError('one\\ntwo')\n")
    Path("raises.py.nfrun").write_text("no bundle")

    code, out, errors = cli(*(word.replace("MINE", place) for word in words))

    assert code in ((1, 2) if "nfrun" in words[-1] else (2,))
    assert out == ""
    assert 1 <= len(errors) <= 2
    assert errors[0].startswith("netflux-nb: ")
    assert all(line.isprintable() and len(line) < 1_000 for line in errors)


def test_a_fault_of_ours_shows_its_traceback():
    with pytest.raises(ZeroDivisionError):
        exit_code(lambda: 1 // 0)


def test_f91_the_codes_are_in_the_help(cli):
    code, out, _ = cli("--help")

    assert code == 0
    assert "3  it came out otherwise" in out
    assert cli("replay", "--help")[0] == 0


def test_interrupted_is_said_in_one_line(capsys):
    def interrupted():
        raise KeyboardInterrupt

    assert exit_code(interrupted) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.slow
def test_what_is_printed_is_bounded(cli, place):
    assert len(plain("x" * 1_000_000)) < 21_000
    assert len(plain(list(range(1_000_000)))) == 1_001
    deep = []
    for _ in range(10_000):
        deep = [deep]
    assert len(json.dumps(plain(deep))) < 30_000
    assert plain({"a": float("nan"), "b": 10**400, "c": {1}}) == {
        "a": "nan",
        "b": f"{10**400:x}"[:100],
        "c": [1],
    }
    assert len(json.dumps(plain(["x" * 1_000] * 1_000_000))) < 1_100_000
    assert len(json.dumps(plain([[["xy"] * 999] * 999] * 999))) < 3_000_000
    assert "\x1b" not in table(["a\x1b"], [["b\x1b[31m" * 100]])
    code, out, _ = cli("run", f"{place}:study", f"text={'long ' * 50_000}")
    assert (code, len(out) < 5_000) == (0, True)
    code, out, _ = cli("inspect", "last", "--json")
    assert len(json.dumps(out)) < 60_000


def test_a_run_that_was_cut_off_has_one_word_for_it(cli, place):
    """Said by SQL, frames, the panel's rows and the command line alike."""
    cli("run", f"{place}:study", "text=a")
    session.close_records()
    (path,) = Path("record").glob("*.jsonl")
    path.write_bytes(path.read_bytes()[: path.read_bytes().rindex(b'"NodeClosed"')])
    run = runs.last

    states = list(sql("SELECT state FROM runs")["state"])
    states += [*runs.df["state"], run.nodes_df["state"].iloc[0], Past(run.folder).rows()[0].state]
    for words in (["inspect", "last"], ["explain", "last"]):
        states.append(cli(*words, "--json")[1]["state"])
    states += [row["state"] for row in cli("runs", "--json")[1]]

    assert set(states) == {run.state.name} == {NodeState.CutOff.name}
    assert "Cut off" in str(runs.table())
