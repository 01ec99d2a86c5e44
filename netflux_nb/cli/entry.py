"""The argument parser of the command line, and the table of its commands."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Protocol

from ..core.errors import NetfluxError, UsageError, stringify
from ..determinism.verdict import ReplayDiffError, failure_class
from ..replay.recording import DivergenceError
from ..session import settle
from . import project_commands, record_commands, run_commands
from .printing import complain, one_document

# What a record may take to be made small.
SETTLE_S = 60.0
OK, FAILED, USAGE, DIVERGED = 0, 1, 2, 3

_CODES = """\
exit codes:
  0  the tree succeeded and was verified; what was asked is sound, or the same
  1  it failed, was not verified, was cancelled, or is damaged
  2  the command, a file or an argument is wrong
  3  it came out otherwise: a replay that diverged, runs that differ

RUN is the name of a run, its beginning or end, `last`, or a bundle (.nfrun).
A flow's agents are looked for in --functions, else in functions.py beside the flow."""


class _Usage(Exception):  # noqa: N818  not an error of anybody: how a parser stops
    """The command cannot be read."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Stop with one line."""
        raise _Usage(f"{message}. `{self.prog} --help` tells more.")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command, and give its exit code.

    A mistake of the user's is told in one line; a fault of ours shows its traceback.

    Example:
        >>> main(["explain"])
        2
    """
    words = list(sys.argv[1:] if argv is None else argv)
    return exit_code(lambda: _done(_parsed(words)))


def _done(args: argparse.Namespace) -> int:
    command: Callable[[argparse.Namespace], int] = args.command
    with one_document() if args.json else contextlib.nullcontext():
        return command(args)


def exit_code(command: Callable[[], int]) -> int:
    """Do a command, tell what went wrong, and give its exit code."""
    try:
        return command()
    except _Usage as error:
        complain(str(error))
        return USAGE
    except SystemExit as done:  # --help, --version
        return done.code if isinstance(done.code, int) else USAGE
    except KeyboardInterrupt:
        complain("Interrupted. `netflux-nb resume last` goes on with a run that was begun.")
        return FAILED
    except BrokenPipeError:  # whoever read has enough
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (NetfluxError, OSError) as error:
        complain(stringify(error))
        if isinstance(error, DivergenceError | ReplayDiffError):
            return DIVERGED
        if isinstance(error, UsageError):
            return USAGE
        complain(f"Failure: {failure_class(error)}")
        return FAILED
    finally:
        settle(SETTLE_S)


def _parsed(words: list[str]) -> argparse.Namespace:
    # The seed's older spelling, and the nouns that it puts after its verbs.
    if words[:1] == ["experimental"]:
        words = words[1:]
    for verb, noun in (
        ("inspect", "run"),
        ("diff", "run"),
        ("explain", "failure"),
        ("validate", "db"),
    ):
        if words[:2] == [verb, noun]:
            words = [verb, *words[2:]]
    if words[:1] == ["unsafe-run"]:
        words = ["run", "--mode", "unsafe", *words[1:]]
    parser = _parser()
    args = parser.parse_args(words)
    if not hasattr(args, "command"):
        parser.error("Name a command, such as `run` or `runs`")
    return args


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="netflux-nb",
        description="Run Functions and flows, and ask what is recorded of them.",
        epilog=_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_subparsers(metavar="command", parser_class=_Parser)

    def command(
        name: str, do: Callable[[Any], int], words: str, under: Any = None
    ) -> argparse.ArgumentParser:
        made = (under or add).add_parser(
            name,
            help=words,
            description=words,
            epilog=_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        made.set_defaults(command=do)
        made.add_argument("--json", action="store_true", help="print one JSON document")
        if do.__module__ != project_commands.__name__:
            made.add_argument("--store", metavar="FOLDER", help="where the record is")
        return made

    _running(command)
    _looking(command)
    _making(command, add)
    return parser


class _Command(Protocol):
    """Adds a command, below a noun where one is given."""

    def __call__(
        self, name: str, do: Callable[[Any], int], words: str, under: Any = None
    ) -> argparse.ArgumentParser: ...


def _noun(add: Any, name: str, words: str) -> Any:
    """Add a noun, which has commands of its own, and give what those are added to."""
    made = add.add_parser(name, help=words, description=words, allow_abbrev=False)
    return made.add_subparsers(metavar="command", parser_class=_Parser)


def _making(command: _Command, add: Any) -> None:
    """Add the commands over a project's files."""
    init = command("init", project_commands.init, "begin a project in a new folder")
    init.add_argument("name", metavar="NAME", help="the new folder, or `.` for this one")
    audit = _noun(add, "audit", "the rules over a project's processes")
    command(
        "gen-spec",
        project_commands.gen_spec,
        "add an entry to specs/audit_recipe.yaml for each process that has none",
        audit,
    )
    inspect = command(
        "inspect",
        project_commands.inspect,
        "show what a process may touch, and the rules over it",
        audit,
    )
    inspect.add_argument("process", metavar="PROCESS", help="its name")
    schema = _noun(add, "schema", "the schema of a project's context")
    gen = command(
        "gen",
        project_commands.schema_gen,
        "write specs/context_schema.yaml, of the classes of the context",
        schema,
    )
    gen.add_argument("--context-file", default="src/context.py", help="where the classes are")
    code = command("code", project_commands.schema_code, "write classes, of a schema", schema)
    code.add_argument(
        "--schema-file", default=project_commands.SCHEMA.as_posix(), help="where the schema is"
    )
    code.add_argument("--out-file", default="src/context.py", help="where the classes go")
    for one in (gen, code):
        one.add_argument("--force", action="store_true", help="write over what is there")


def _running(command: _Command) -> None:
    """Add the commands that run something, or say what would run."""
    run = command("run", run_commands.run, "run a Function or a flow, and record it")
    run.add_argument(
        "--mode",
        choices=("live", "unsafe"),
        default="live",
        help="unsafe: look on where live would stop",
    )
    run.add_argument("--strict-determinism", action="store_true", help="refuse what varies unsaid")
    run.add_argument("--tenant-id", help="the tenant that a flow has to be of")
    plan = command("plan", run_commands.plan, "say what a call or a flow may come to; nothing runs")
    dry = command("dry-run", run_commands.dry_run, "run with stand-ins for models and effects")
    for one in (run, plan, dry):
        one.add_argument("what", metavar="module:function | flow.json", help="what to run")
        one.add_argument("values", nargs="*", metavar="name=value", help="arguments")
        one.add_argument("--model", help="for agents that name none")
    replay = command("replay", run_commands.replay, "run the code again, all else from the record")
    replay.add_argument("what", metavar="RUN | flow.json", help="what was recorded")
    replay.add_argument("--run-id", help="of a flow: which run of it")
    replay.add_argument(
        "--mode",
        choices=("strict", "bounded", "observational"),
        help="which differences may pass: none, some, or nothing runs",
    )
    resume = command(
        "resume", run_commands.resume, "go on with a run that was cut off or cancelled"
    )
    resume.add_argument("what", metavar="RUN", help="the run that goes on")
    resume.add_argument("--force", action="store_true", help="even where it may still run")
    resume.add_argument("--model", help="for agents that name none")
    observe = command("observe", run_commands.observe, "hold a run to a policy; nothing runs")
    observe.add_argument("what", metavar="RUN", help="the run that is judged")
    for one in (replay, resume, observe):
        one.add_argument("--tenant-id", help="the tenant that a flow has to be of")
    for one in (run, plan, dry, replay, resume, observe):
        one.add_argument("--policy", metavar="FILE", help="the policy of a flow, as JSON")
        one.add_argument("--db-path", metavar="FILE", help="export the record to this DuckDB file")
        one.add_argument(
            "--functions",
            action="append",
            default=[],
            metavar="MODULE|FILE.py",
            help="where Functions are defined",
        )


def _looking(command: _Command) -> None:
    """Add the commands that only ask the record."""
    listing = command("runs", record_commands.runs, "list the runs of the record, newest first")
    listing.add_argument("--limit", type=int, default=50, help="how many at most")
    for name, do, words in (
        (
            "inspect",
            record_commands.inspect,
            "show a run: its tree, its cost, whether its record is sound",
        ),
        ("explain", record_commands.explain, "say why a run failed, and where it began"),
    ):
        made = command(name, do, words)
        made.add_argument("run", metavar="RUN", help="the run that is asked about")
        _older(made)
    diff = command("diff", record_commands.diff, "compare two runs, Node by Node")
    diff.add_argument("left", metavar="RUN", help="the run that was before")
    diff.add_argument("right", metavar="RUN", help="the run that came after")
    _older(diff)
    export = command(
        "export", record_commands.export, "write a run into one file: .nfrun or .duckdb"
    )
    export.add_argument("run", metavar="RUN", help="the run that is written")
    export.add_argument("file", help="where to")
    validate = command(
        "validate", record_commands.validate, "check a DuckDB file, a bundle, a flow, or a record"
    )
    validate.add_argument("path", nargs="?", help="a .duckdb, a .nfrun, a flow.json, or a folder")
    validate.add_argument("--db-path", metavar="FILE", help="a DuckDB file to check")
    sql = command("sql", record_commands.sql, "ask the record with SQL")
    sql.add_argument("query", help="such as `SELECT * FROM runs`")
    sql.add_argument("--limit", type=int, default=200, help="how many rows at most")


def _older(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tenant-id", help="the tenant that the run has to be of")
    parser.add_argument(
        "--db-path",
        metavar="FILE",
        help="where `inspect` looks for a run that the record does not hold",
    )
