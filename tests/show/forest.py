"""Trees to be drawn, built by hand: as large, as deep and as odd as a test wants them."""

from netflux_nb.core.json.portable import RecordedFunction
from netflux_nb.core.messages import (
    ModelTextPart,
    Spent,
    ThinkingBlockPart,
    TokenUsage,
    ToolResultPart,
    ToolUsePart,
    UserTextPart,
)
from netflux_nb.core.views import NodeState, NodeView


def node(name="work", children=(), kind="code", **more):
    """Build a finished Node."""
    given = {
        "id": 1,
        "inputs": {},
        "state": NodeState.Success,
        "outputs": None,
        "exception": None,
        "usage": None,
        "transcript": (),
        "started_at": 1.0,
        "ended_at": 2.0,
        "update_seqnum": 0,
    }
    return NodeView(fn=RecordedFunction(name, kind), children=tuple(children), **(given | more))


def failed(name="work", children=(), said="it broke", **more):
    """Build a Node that failed."""
    return node(name, children, state=NodeState.Error, exception=ValueError(said), **more)


def wide(n, name="leaf", *, bad=()):
    """Build a root that called many."""
    made = [
        (failed if i in bad else node)(name, inputs={"n": i}, outputs=i, id=i) for i in range(n)
    ]
    return node("root", made)


def deep(n, *, last=None):
    """Build a chain of calls."""
    view = last if last is not None else node("last")
    for _ in range(n):
        view = node("step", [view])
    return view


def asked(usage, *, model="m", provider="scripted", served=False, begin=1.0, end=2.0):
    """Build a request that ended."""
    return Spent(provider, model, usage, seconds=end - begin, time=end, served=served)


def tokens(fresh=0, read=0, write=0, out=0, thought=None):
    """Build usage."""
    return TokenUsage(
        input_tokens_regular=fresh,
        input_tokens_cache_read=read,
        input_tokens_cache_write=write,
        input_tokens_total=fresh + read + write,
        output_tokens_total=out,
        output_tokens_reasoning=thought,
    )


def talk(name="ask", *, parts=None, children=(), **more):
    """Build an agent with a conversation."""
    said = parts or (
        UserTextPart("What is it?"),
        ThinkingBlockPart("Let me count.", ""),
        ToolUsePart("u1", "count", {"text": "a b"}),
        ToolResultPart("u1", "count", 2),
        ModelTextPart("It is two."),
    )
    called = children or (node("count", inputs={"text": "a b"}, outputs=2, tool_use_id="u1"),)
    return node(name, called, kind="agent", transcript=tuple(said), **more)
