"""A made-up run with all that a view has to show: it failed in part, was cut off, served, asked."""

from show.forest import node

from netflux_nb.core.messages import (
    ModelTextPart,
    Spent,
    ThinkingBlockPart,
    TokenUsage,
    ToolResultPart,
    ToolUsePart,
    UserTextPart,
)
from netflux_nb.core.views import NodeOrigin, NodeState

REVIEWS = (
    "the tent leaked on the first night",
    "the boots were great on dry days and poor on wet ones",
    "東京で買いました、とても軽いです",
    "the stove would not light above 2,000 m",
    "the rope frayed after one day",
    "大きすぎるテント",
    "the sleeping bag is warm",
    "the filter clogged and the spare one was missing",
    "the map was out of date",
    "the knife rusted",
    "the jacket tore at the seam",
    "the compass points south",
)


class OverloadedError(Exception):
    """What a provider says that has too much to do."""


class _Made:
    """A run that is built Node by Node, each with an id, a place in time and its usage."""

    def __init__(self):
        self.id = 0

    def one(self, name, children=(), *, kind="code", begin=0.0, took=0.01, tokens=0, **more):
        self.id += 1
        spent = ()
        if tokens:
            usage = TokenUsage(
                input_tokens_regular=tokens - tokens // 4,
                input_tokens_total=tokens - tokens // 4,
                output_tokens_total=tokens // 4,
            )
            at = begin + took * 0.9
            spent = (Spent("anthropic", "claude-sonnet-4-5", usage, seconds=took, time=at),)
            more["usage"] = usage
        return node(
            name,
            children,
            kind,
            id=self.id,
            started_at=begin,
            opened_at=begin,
            ended_at=begin + took,
            requests=spent,
            **more,
        )


def run(*, sorry=False):
    """Build a run of 59 Nodes in every state that a finished one has; or with another prompt."""
    made = _Made()
    handles = [_handled(made, n, text, sorry) for n, text in enumerate(REVIEWS)]
    return made.one(
        "handle_all",
        handles,
        took=48.2,
        inputs={"reviews": list(REVIEWS)},
        state=NodeState.Error,
        exception=ExceptionGroup("2 of 12 failed", [OverloadedError("529 overloaded")]),
    )


def forked():
    """Build a fork: one call was changed, those before it were served, the rest is live."""
    was = NodeOrigin("served", "20261130-161225443-324ef671-1.3")
    made = _Made()
    first = made.one("clean", inputs={"text": REVIEWS[0]}, outputs="tent", served=True, origin=was)
    changed = made.one(
        "reply",
        kind="agent",
        inputs={"text": REVIEWS[0], "tone": "formal"},
        outputs="We regret it.",
        begin=0.1,
        took=1.2,
        tokens=388,
        origin=NodeOrigin("changed"),
    )
    last = made.one("publish", inputs={"title": "We regret it."}, outputs=1, begin=1.4)
    origin = NodeOrigin("fork", was.run, 0.0, "handle/reply")
    return made.one("handle", [first, changed, last], took=1.5, outputs="done", origin=origin)


def _handled(made, n, text, sorry):
    begin = 1.0 + n / 10
    clean = made.one(
        "clean", inputs={"text": text}, outputs=text, begin=begin, took=0.001 + n / 1e3
    )
    mood = "negative" if n % 3 else "positive"
    sentiment = made.one(
        "sentiment",
        kind="agent",
        inputs={"text": text},
        outputs=mood,
        begin=begin,
        took=0.9 + n / 14,
        tokens=126,
        transcript=(UserTextPart(text=f"What is the mood of: {text}"), ModelTextPart(text=mood)),
        served=n == 0,
    )
    lookup = made.one("order_lookup", inputs={"id": 81_723}, outputs="shipped", begin=begin + 1)
    answer = f"{'We are sorry that' if sorry else 'Thank you for telling us that'} {text}."
    reply = made.one(
        "reply",
        [lookup],
        kind="agent",
        inputs={"text": text, "mood": mood, "tone": "plain"},
        begin=begin + 1,
        took=1.4 + n / 16,
        tokens=388 + 9 * n,
        transcript=_talk(text, n, answer, sorry),
        **(
            {
                "state": NodeState.Error,
                "exception": OverloadedError("529 overloaded, after 4 tries"),
            }
            if n == 3
            else {"state": NodeState.Canceled}
            if n == 9
            else {"outputs": answer}
        ),
    )
    below = [clean, sentiment, reply]
    state = {}
    if n == 3:
        state = {
            "state": NodeState.Error,
            "exception": OverloadedError("529 overloaded, after 4 tries"),
        }
    elif n == 9:
        state = {"state": NodeState.Canceled}
    elif n == 11:
        state, below = {"state": NodeState.CutOff, "ended_at": None}, below[:2]
    else:
        state = {"outputs": {"mood": mood, "reply": answer}}
    more = {"inputs": {"text": text}, **state}
    handle = made.one("handle", below, begin=begin, took=2.4 + n / 8, **more) if n != 11 else None
    if handle is None:
        made.id += 1
        return node("handle", below, id=made.id, started_at=begin, opened_at=begin, **more)
    return handle


def _talk(text, n, answer, sorry):
    use = f"call{n}"
    return (
        UserTextPart(text=f"{'Apologise, then reply' if sorry else 'Reply'} to it: {text}"),
        ThinkingBlockPart(
            content="The order is needed first.\nLook it up, then decide.", signature=""
        ),
        ToolUsePart(tool_use_id=use, tool_name="order_lookup", args={"id": 81_723}),
        ToolResultPart(
            tool_use_id=use, tool_name="order_lookup", outputs="shipped", is_error=False
        ),
        ModelTextPart(text=answer),
    )
