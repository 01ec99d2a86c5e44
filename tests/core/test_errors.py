"""Errors are told in a line or two, cross processes, and are what the seed said they are."""

import copy
import json
import linecache
import pickle
import subprocess
import sys

import pytest

from netflux_nb import (
    AgentException,
    ArgumentError,
    BudgetError,
    CancellationException,
    FunctionError,
    MaxAgentLevelExceededException,
    ModelError,
    ModelProviderException,
    NetfluxError,
    NoNodeError,
    NoParentSessionError,
    PolicyError,
    PromptError,
    Provider,
    Runtime,
    SignatureError,
    UsageError,
    function,
)
from netflux_nb.core import errors
from netflux_nb.core.text.tracebacks import asked_at, has_own_fault, in_frames

SAMPLES = [
    ArgumentError("a"),
    PromptError("p\n  ^"),
    AgentException("stuck", "one", 3),
    ModelError("busy", retryable=True, retry_after_s=2.0),
    ModelProviderException("m", Provider, "one", 3, ValueError("in")),
    MaxAgentLevelExceededException("one", 2, 3),
    CancellationException(),
    errors.RecordedError("KeyError", "x"),
]


@pytest.mark.parametrize("error", SAMPLES, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("travel", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
def test_errors_travel_whole(error, travel):
    error.add_note("seen")
    back = travel(error)
    assert type(back) is type(error)
    assert str(back) == str(error)
    plain = {k: str(v) for k, v in vars(error).items()}
    assert {k: str(v) for k, v in vars(back).items()} == plain


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (ArgumentError, ValueError),
        (FunctionError, ValueError),
        (SignatureError, TypeError),
        (PromptError, KeyError),
        (NoNodeError, RuntimeError),
    ],
)
def test_n26_usage_errors_are_pythons_own_too(kind, builtin):
    assert issubclass(kind, UsageError)
    assert issubclass(kind, builtin)
    assert kind("why")._render_traceback_() == [f"{kind.__name__}: why"]


def test_what_an_error_quotes_moves_no_cursor_and_turns_no_line_around():
    shown = ArgumentError("got 'a\x1b[2J\u202eb\ud800'\nand é")._render_traceback_()

    assert shown == ["ArgumentError: got 'a⟨U+001B⟩[2J⟨U+202E⟩b⟨U+D800⟩'\nand é"]


def test_every_error_of_ours_has_one_root():
    made = [v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, Exception)]
    made.remove(errors.RecordWarning)
    assert len(made) > 15
    assert all(issubclass(kind, NetfluxError) for kind in made)
    assert issubclass(BudgetError, PolicyError)
    assert not issubclass(NoParentSessionError, UsageError)


def test_nw20_a_provider_error_tells_its_cause_once():
    inner = ConnectionError("no route")
    error = ModelProviderException("It failed", Runtime, "one", 4, inner)
    assert str(error) == "It failed (Runtime, agent 'one', Node 4): ConnectionError: no route"
    assert str(error).count("no route") == 1
    assert error.inner_exception is inner


@pytest.mark.parametrize("levels", [-1, 10_000, True, "2", 1.5])
def test_nw30_agent_levels_are_checked_by_an_error_not_an_assert(levels):
    @function
    def one() -> int:
        return 1

    with Runtime([one]) as runtime, pytest.raises((ValueError, TypeError)) as caught:
        runtime.get_ctx().invoke(one, {}, max_agent_levels=levels)
    assert isinstance(caught.value, NetfluxError)


def test_nw30_a_deep_call_says_what_to_do():
    error = MaxAgentLevelExceededException("one", 2, 3)
    assert "max_agent_levels=3" in str(error)
    assert (error.fn_name, error.max_agent_levels, error.attempted_level) == ("one", 2, 3)


class RudeError(Exception):
    def __str__(self):
        raise RuntimeError("not telling")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("why"), "ValueError: why"),
        (ValueError(), "ValueError: "),
        (RudeError(), "RudeError (its messa… (19 more characters)"),
        (ValueError("x" * 15), "ValueError: xxxxxxxx… (7 more characters)"),
    ],
)
def test_a_model_reads_type_and_message_within_bounds(error, text):
    assert errors.stringify(error, 20) == text


@pytest.mark.parametrize(
    ("names", "text"),
    [([], "none"), (["b", "a"], "a, b"), (range(10), "0, 1, 2, 3, 4, 5, 6, 7, … (2 more)")],
)
def test_lists_in_messages_are_sorted_and_cut(names, text):
    assert errors.listed(names) == text


WITHOUT_ASSERTS = """
from netflux_nb import Runtime, function
from netflux_nb.core import RunContext

@function
def one(ctx: RunContext) -> int:
    assert False, "not looked at"
    ctx.post_success(1)
    ctx.post_success(2)
    return 3

with Runtime([one]) as runtime:
    for levels in (-1, 65, True, 1.0):
        try:
            runtime.get_ctx().invoke(one, {}, max_agent_levels=levels)
        except ValueError as error:
            print(str(error)[:24])
    print(runtime.get_ctx().invoke(one, {}, max_agent_levels=0).result())
"""


@pytest.mark.slow
def test_q55_nw30_the_checks_hold_without_asserts_too():
    command = [sys.executable, "-O", "-c", WITHOUT_ASSERTS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)

    assert done.stdout.splitlines() == [*["max_agent_levels must be"] * 4, "1"], done.stderr


def raised(*frames):
    """Raise through code of these modules, files and lines, the outermost first."""
    space = {"error": ArgumentError("no")}
    inner = "raise error"
    for name, file, line in reversed(frames):
        space = {"__name__": name, "inner": space.get("f"), "error": space["error"]}
        exec(compile(f"def f():\n    {inner}", file, "exec"), space)
        linecache.cache[file] = (1, None, ["def f():\n", f"{line}\n"], file)
        inner = "inner()"
    try:
        space["f"]()
    except ArgumentError as error:
        return error.with_traceback(error.__traceback__.tb_next)


@pytest.mark.parametrize("depth", [1, 6, 7, 20])
def test_six_lines_of_a_persons_code_are_shown_and_of_more_the_ends(depth):
    error = raised(*(("cell", f"/home/me/{n}.py", f"step({n})") for n in range(depth)))

    told = in_frames(error)

    assert told[0] == "ArgumentError: no"
    shown = [line.partition("step")[2] for line in told[1:]]
    every = [f"({n})" for n in range(depth)]
    assert shown == (every if depth <= 6 else [*every[:2], "", *every[-4:]])
    assert ("  …" in told) == (depth > 6)


def test_lines_of_ours_and_of_what_is_installed_are_not_shown():
    error = raised(
        ("cell", "/home/me/a.py", "mine()"),
        ("netflux_nb.run", "/home/me/ours.py", "ours()"),
        ("pandas", "/opt/x/site-packages/pandas.py", "theirs()"),
        ("json", json.__file__, "pythons()"),
        ("__main__", "/tmp/cell.py", "theirs_too()"),
    )

    assert in_frames(error) == [
        "ArgumentError: no",
        "  a.py, line 2, in f(): mine()",
        "  line 2, in f(): theirs_too()",
    ]
    assert not has_own_fault(raised(("pandas", "/opt/x/site-packages/pandas.py", "theirs()")))
    assert has_own_fault(error)


@pytest.mark.parametrize(
    ("line", "told"),
    {
        "study(n=1)": "line 2: study(n=1)",
        "get_ipython().run_line_magic('invoke', 'x')": "line 2",
        "get_ipython().run_cell_magic('agent', 'x', 'y')": "",
    }.items(),
)
def test_where_a_mistake_was_made_is_the_line_of_the_cell_and_of_a_cell_magic_none(line, told):
    error = raised(("__main__", "/tmp/cell.py", line), ("pandas", "/opt/p.py", "theirs()"))

    assert asked_at(error.__traceback__) == told
