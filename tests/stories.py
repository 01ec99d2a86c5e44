"""Runs made of events by hand, and what a live view is told of them: the same every time."""

import json
from pathlib import Path

from netflux_nb.core import events as ev
from netflux_nb.core.fold import Fold
from netflux_nb.core.functions.kinds import AgentFunction, CodeFunction
from netflux_nb.core.messages import (
    Delta,
    ModelTextPart,
    Provider,
    Spent,
    TokenUsage,
    ToolUsePart,
    UserTextPart,
)
from netflux_nb.core.policy import Answer, WaitingOn
from netflux_nb.jupyter.live.feed import Feed
from netflux_nb.show.parts import text
from netflux_nb.show.wire.playback import Heard, playback

FIXTURES = Path(__file__).parents[1] / "extensions" / "view" / "fixtures"
PLAYED = FIXTURES.parents[1] / "page" / "fixtures" / "played.json"
T0 = 1_800_000_000.0


def code(name):
    return CodeFunction(name=name, desc=name, args=[], callable=lambda ctx: None)


def agent(name):
    return AgentFunction(
        name=name, desc=name, args=[], system_prompt="s", user_prompt_template="u", uses=[]
    )


TOP, LEAF, ASKER, AGENT = code("top"), code("leaf"), code("publish"), agent("editor")


class Story:
    """Events with their numbers and times, folded and told whenever somebody looks."""

    def __init__(self):
        self.fold = Fold()
        self.seq = 0
        self.feed = None
        self.messages = []
        self.heard = Heard()

    def happens(self, node, *bodies):
        for body in bodies:
            self.seq += 1
            event = ev.Event(self.seq, T0 + self.seq / 100, node, body)
            self.heard(event)
            self.fold.apply([event])
        return self

    def opens(self, node, parent, fn=LEAF, **inputs):
        return self.happens(node, ev.NodeOpened(parent, fn, inputs, f"k{node}"))

    def looks(self):
        """Tell what changed, as a view that was there from the begin is told."""
        view = self.fold.view(1)
        if self.feed is None:
            self.feed = Feed(view, "a study")
            self.messages += self.feed.snapshot()
        else:
            self.messages += self.feed.update(view)
        return self


def growing():
    story = Story().opens(1, None, TOP, n=3).happens(1, ev.NodeStarted()).looks()
    for node in (2, 3, 4):
        story.opens(node, 1, x=node)
    story.looks().happens(2, ev.NodeStarted()).looks()
    story.happens(2, ev.NodeClosed("success", 4)).happens(3, ev.NodeStarted())
    story.happens(3, ev.NodeClosed("error", None, ValueError("no \x1b[31mgood\u202e"))).looks()
    story.opens(5, 4).happens(4, ev.CancelAsked("enough"))
    story.happens(5, ev.NodeClosed("canceled")).happens(4, ev.NodeClosed("canceled"))
    return story.happens(1, ev.NodeClosed("success", [1, "two"])).looks()


def asking():
    story = Story().opens(1, None, TOP).happens(1, ev.NodeStarted()).looks()
    story.opens(2, 1, ASKER, title="<script>alert(1)</script>")
    on = WaitingOn("approval", "publish() needs a person's approval", id="q-1")
    story.happens(2, ev.NodeWaits(on)).looks()
    question = WaitingOn("answer", "Which one?\u200b", choices=("left", "right"), id="q-2")
    story.opens(3, 1, ASKER).happens(3, ev.NodeWaits(question)).looks()
    story.happens(2, ev.Answered(Answer(True, "ada")), ev.NodeWaits(None)).looks()
    story.happens(2, ev.NodeStarted(), ev.NodeClosed("success", "out"))
    story.happens(3, ev.Answered(Answer("left")), ev.NodeWaits(None), ev.NodeStarted())
    story.happens(3, ev.NodeClosed("success", "left")).happens(1, ev.NodeClosed("success"))
    return story.looks()


def spending():
    story = Story().opens(1, None, TOP).happens(1, ev.NodeStarted())
    story.happens(2, ev.NodeOpened(1, AGENT, {"text": "t"}, "k2", None, Provider.Anthropic))
    story.happens(2, ev.NodeStarted()).looks()
    usage = TokenUsage(input_tokens_regular=900, input_tokens_total=900, output_tokens_total=304)
    for model, served in (("known", False), ("unknown", False), ("known", True)):
        spent = Spent("anthropic", model, usage, served=served, time=T0)
        story.happens(2, ev.RequestEnded(spent)).looks()
    story.happens(2, ev.NodeClosed("success", "done"))
    return story.happens(1, ev.NodeClosed("success")).looks()


def streaming():
    story = Story().happens(1, ev.NodeOpened(None, AGENT, {}, "k1", None, Provider.Anthropic))
    story.happens(1, ev.NodeStarted(), ev.PartAdded(UserTextPart("Say it."))).looks()
    page = story.feed.page(1, "transcript", (0, 0))
    story.messages.append({"t": "detail", "id": 1, "pane": "transcript", "at": [0, 0], **page})
    story.feed.watch(1, (0, page["parts"][-1][5]))
    for words in ("Once ", "upon \x07", "a time"):
        story.happens(1, ev.PartStreamed(Delta("text", words))).looks()
    story.happens(1, ev.StreamDropped()).looks()
    story.happens(1, ev.PartAdded(ModelTextPart("There was"))).looks()
    story.happens(1, ev.PartAdded(ToolUsePart("t1", "leaf", {"x": 1}))).looks()
    return story.happens(1, ev.NodeClosed("success", "There was")).looks()


def made():
    """Give every case: its messages, and what they come to."""
    return {
        story.__name__: {"messages": told.messages, "expected": expected(told)}
        for story in (growing, asking, spending, streaming, again)
        for told in [story()]
    }


def again():
    """Tell of a rerun: one call was served, another ran again."""
    story = Story().opens(1, None, TOP)
    info = {"of": "20261130-161225443-324ef671-1.3", "how": "rerun"}
    story.happens(1, ev.RunBegan(info), ev.NodeStarted())
    story.opens(2, 1, LEAF, text="as it was")
    story.happens(2, ev.NodeServed(info["of"]), ev.NodeClosed("success", 4))
    story.opens(3, 1, LEAF, text="another").happens(
        3, ev.NodeStarted(), ev.NodeClosed("success", 7)
    )
    return story.happens(1, ev.NodeClosed("success", 11)).looks()


def expected(story):
    """Say from the last view alone what must be known in the end."""
    view = story.fold.view(1)
    rows = {}
    for _, one in view.walk():
        below = [v for _, v in one.walk()][1:]
        bill = one.bill()
        rows[str(one.id)] = {
            "name": one.fn.name,
            "mark": text.source(one, view.origin),
            "answered": text.answered_by(one),
            "children": [c.id for c in one.children],
            "state": ["Waiting", "Running", "Success", "Error", "Canceled"].index(one.state.value),
            "tokens": bill.usage.total,
            "usd": round(bill.usd, 9),
            "isPriced": not bill.unknown,
            "below": len(below),
            "done": sum(v.is_done for v in below),
            "failed": sum(v.exception is not None and v.state.value == "Error" for v in below),
        }
    transcript = story.feed.page(1, "transcript", (0, 0))["parts"]
    return {
        "nodes": rows,
        "asks": [ask[0] for ask in story.feed._asks()],
        "transcript": [[kind, text] for _, _, kind, _, text, _ in transcript],
    }


def played():
    """Give every case as it is played again, and what it comes to in the end."""
    return {
        story.__name__: {
            "run": json.loads(playback(told.fold.view(1), "a study", told.heard)),
            "expected": expected(told),
        }
        for story in (growing, asking, spending, streaming, again)
        for told in [story()]
    }


def write():
    PLAYED.write_text(json.dumps(played(), indent=1, ensure_ascii=True) + "\n")
    FIXTURES.mkdir(exist_ok=True)
    for name, case in made().items():
        text = json.dumps(case, indent=1, ensure_ascii=True)
        (FIXTURES / f"{name}.json").write_text(text + "\n")
