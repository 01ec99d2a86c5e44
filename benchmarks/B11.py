# ruff: noqa: N999  a row's name
"""B11: the diff of two runs of n Nodes of which one in a hundred came out otherwise."""

from __future__ import annotations

from netflux_nb.compare.diff import diff
from netflux_nb.core.json.canonical import inputs_digest, node_key
from netflux_nb.core.json.portable import RecordedFunction
from netflux_nb.core.messages import (
    ModelTextPart,
    TokenUsage,
    ToolResultPart,
    ToolUsePart,
    UserTextPart,
)
from netflux_nb.core.views import NodeState, NodeView

from .bench import Row, Took, Watch, exponent, rounds, run_alone

SIZES = [1_000, 3_000, 10_000]
BAR_S = 1.0
# An agent and the calls that it makes.
CALLS = 4
CHANGED = 100

AGENT = RecordedFunction("summarise", "agent")
CODE = RecordedFunction("word_count", "code")
ROOT = RecordedFunction("study", "code")


def run(n: int, first_id: int, every: int = 0) -> NodeView:
    """Build a run of n Nodes as it is read from a record; each `every`-th call gives another."""
    ids = iter(range(first_id, first_id + n))
    inputs = {"texts": n}
    root, key = next(ids), node_key("", "study", inputs_digest(inputs), 0)
    agents = []
    left, made = n - 1, 0
    while left > 0:
        calls = min(CALLS, left - 1)
        agents.append(agent(ids, key, len(agents), range(made, made + calls), every))
        made += calls
        left -= 1 + calls
    return view(root, ROOT, inputs, key, f"{len(agents)} texts", tuple(agents))


def agent(ids, parent: str, place: int, calls: range, every: int) -> NodeView:
    """Build an agent with its transcript and its calls."""
    given = {"text": f"Text number {place}, which is about something. " * 4}
    node_id, key = next(ids), node_key(parent, "summarise", inputs_digest(given), 0)
    parts = [UserTextPart(f"Summarise this. {given['text']}")]
    children = []
    for n, number in enumerate(calls):
        args = {"words": [f"w{number}", "of", "some"], "least": n}
        value = {"count": number, "of": ["a", "b"]}
        if every and number % every == 0:
            value["count"] += 1
        child, use = next(ids), f"call_{node_id}_{n}"
        parts += [ToolUsePart(use, "word_count", args), ToolResultPart(use, "word_count", value)]
        call_key = node_key(key, "word_count", inputs_digest(args), 0)
        children.append(view(child, CODE, args, call_key, value, (), use))
    said = f"This text says that {place} is a number. " * 3
    parts.append(ModelTextPart(said))
    return view(node_id, AGENT, given, key, said, tuple(children), None, tuple(parts))


def view(node_id, fn, inputs, key, outputs, children, use=None, parts=()) -> NodeView:
    """Build a finished Node."""
    return NodeView(
        id=node_id,
        fn=fn,
        inputs=inputs,
        state=NodeState.Success,
        outputs=outputs,
        exception=None,
        children=children,
        usage=TokenUsage(input_tokens_total=node_id % 90) if parts else None,
        transcript=parts,
        started_at=float(node_id),
        ended_at=node_id + 1.5,
        update_seqnum=node_id,
        tool_use_id=use,
        provider="scripted" if parts else None,
        key=key,
    )


def ours(n: int) -> Took:
    """Ours: two trees that share nothing in memory."""
    left, right = run(n, 1), run(n, 500_000, CHANGED)
    with Watch() as watch:
        found = diff(left, right)
        first = found.first
    came = [node for node in found.changed if node.fn == "word_count"]
    if first is not came[0] or not n / 200 <= len(came) <= n / 100 or len(found.nodes) != n:
        raise RuntimeError("The diff does not name what was changed.")
    return watch.each(1)


def measure() -> list[Row]:
    """Give the row."""
    found = rounds({str(n): lambda n=n: ours(n) for n in SIZES})
    cpu = exponent(SIZES, [found[str(n)].cpu for n in SIZES])
    points = ", ".join(f"{n:,}: {found[str(n)]}" for n in SIZES)
    largest = found[str(SIZES[-1])]
    return [
        Row(
            "B11",
            "diff of two runs of n Nodes, 1 % of calls changed",
            f"{points}; n^{cpu:.2f}",
            "none has it",
            bar="10,000 Nodes ≤ 1 s",
            passed=largest.wall <= BAR_S,
        )
    ]


if __name__ == "__main__":
    run_alone(measure)
