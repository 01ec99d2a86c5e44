"""Views as text for a terminal: a tree, usage, a value."""

from __future__ import annotations

from ..core.errors import stringify
from ..core.messages import (
    ModelTextPart,
    Provider,
    ThinkingBlockPart,
    TokenUsage,
    ToolResultPart,
    ToolUsePart,
    UserTextPart,
)
from ..core.views import NodeState, NodeView

# A shape and a word for each state: never a colour alone.
SHAPES = {
    NodeState.Waiting: "○",
    NodeState.Running: "◐",
    NodeState.Success: "●",
    NodeState.Error: "✗",
    NodeState.Canceled: "◌",
}
_WIDTH = 60


def clean(text: str, width: int = _WIDTH) -> str:
    """Make any text safe for one line of a terminal: no control or direction marks, bounded."""
    flat = "".join(c if c.isprintable() else " " for c in text[: width * 4])
    flat = " ".join(flat.split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"


def tree(view: NodeView, *, limit: int = 200) -> str:
    """Draw a view and its subtree, at most `limit` rows.

    Example:
        >>> from netflux_nb import Runtime, function
        >>> @function
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> with Runtime([double]) as runtime:
        ...     node = runtime.get_ctx().invoke(double, {"x": 21})
        ...     node.wait()
        ...     print(tree(node.view()).split("  ")[0])
        ● double(x=21) → 42
    """
    rows: list[str] = []
    stack: list[tuple[str, str, NodeView]] = [("", "", view)]
    while stack and len(rows) < limit:
        lead, below, one = stack.pop()
        rows.append(lead + _row(one))
        last = len(one.children) - 1
        stack.extend(
            (
                below + ("└─ " if i == last else "├─ "),
                below + ("   " if i == last else "│  "),
                child,
            )
            for i, child in reversed(list(enumerate(one.children)))
        )
    if stack:
        rows.append(f"… {sum(1 for _ in view.walk()) - len(rows):,} more")
    return "\n".join(rows)


def _row(view: NodeView) -> str:
    args = clean(", ".join(f"{k}={clean(repr(v), 24)}" for k, v in view.inputs.items()), 48)
    words = [f"{SHAPES[view.state]} {clean(view.fn.name, 64)}({args})"]
    if view.state is NodeState.Success:
        words.append(f"→ {clean(str(view.outputs), 48)}")
    elif view.exception is not None:
        words.append(f"→ {view.state.value}: {clean(stringify(view.exception, 200))}")
    elif view.waiting_on is not None:
        words.append(f"… waits for {view.waiting_on.kind}: {clean(view.waiting_on.what, 40)}")
    else:
        words.append(view.state.value)
    facts = []
    if view.started_at is not None and view.ended_at is not None:
        facts.append(seconds(view.ended_at - view.started_at))
    if view.usage is not None:
        facts.append(f"{view.usage.total:,} tokens")
    return " ".join(words) + (f"  [{', '.join(facts)}]" if facts else "")


def seconds(value: float) -> str:
    """Give a duration for a person."""
    if value < 0.001:
        return f"{value * 1e6:.0f} µs"
    if value < 1:
        return f"{value * 1e3:.0f} ms"
    return f"{value:.1f} s" if value < 120 else f"{value / 60:.1f} min"


def usage(view: NodeView) -> str:
    """Tell a tree's tokens, a line a provider."""
    lines = []
    for provider, bill in view.total_tree_token_bill().items():
        name = provider.value if isinstance(provider, Provider) else str(provider)
        lines.append(
            f"{name}: {bill.input_tokens_regular:,} fresh + "
            f"{bill.input_tokens_cache_read:,} from cache + "
            f"{bill.input_tokens_cache_write:,} to cache in, "
            f"{bill.output_tokens_total:,} out"
        )
    return "\n".join(lines) or "no tokens"


def tokens(spent: TokenUsage | None) -> str:
    """Give one Node's tokens for a person."""
    return "no tokens" if spent is None else f"{spent.total:,} tokens"


# A part of a conversation that is longer is in the record.
_PART_CHARS = 4_000


def transcript(view: NodeView) -> str:
    """Give one agent's conversation as a person reads it."""
    lines = []
    for part in view.transcript:
        match part:
            case UserTextPart(text=words):
                lines.append(f"» {_part(words)}")
            case ModelTextPart(text=words):
                lines.append(f"« {_part(words)}")
            case ThinkingBlockPart(content=words):
                lines.append(f"  (thinking) {_part(words) or 'sealed'}")
            case ToolUsePart(tool_name=name, args=args):
                given = ", ".join(f"{k}={clean(repr(v))}" for k, v in args.items())
                lines.append(f"→ {clean(name)}({given})")
            case ToolResultPart(is_error=failed):
                words = " ".join(str(one) for one in part.content)
                lines.append(f"{'✗' if failed else '←'} {_part(words)}")
            case _:
                pass
    return "\n".join(lines)


def _part(words: str) -> str:
    return "\n  ".join(clean(line, _PART_CHARS) for line in words[:_PART_CHARS].splitlines())
