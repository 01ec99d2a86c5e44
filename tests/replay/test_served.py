"""What a run that goes on says of what was served, what went live, and why."""

import pytest

from netflux_nb import Run, Runtime, agent, function
from netflux_nb.core.messages import TokenUsage
from netflux_nb.core.policy import Change
from netflux_nb.record.journal import Journal
from netflux_nb.replay.begin import fork, rerun, resume
from netflux_nb.replay.recording import Recording
from netflux_nb.replay.report import MOST_LINES, MOST_REASONS, Reasons, Served
from netflux_nb.testing import ScriptedModel, Turn


def made(prompt="Title of {text}", factor=1, ends="end"):
    """Give a program: a helper, an agent for each text, and one at the end."""
    title = agent("title(text: str)", prompt, model="openai:gpt-5")
    last = agent("last(text: str)", "Last: {text}", model="openai:gpt-5")

    @function
    def helper(x: int) -> int:
        return factor * x

    @function(uses=[title, last, helper])
    def study(texts: list[str]) -> list:
        found = [title(text=text) for text in texts]
        return [*found, helper(x=2), last(text=ends)]

    return study


class Asked:
    """A model that fails at some texts, and says how much it took."""

    def __init__(self, fails=()):
        self.fails = fails
        self.texts = []

    def __call__(self, request):
        text = request.parts[0].text
        self.texts.append(text)
        if text in self.fails:
            raise RuntimeError("no answer")
        usage = TokenUsage(
            input_tokens_regular=1000, input_tokens_total=1000, output_tokens_total=100
        )
        return Turn(text=f"<{text}>", usage=usage)


@pytest.fixture
def lead(tmp_path):
    def go(fn, again=None, inputs=None, fails=()):
        model = Asked(fails)
        models = {"openai": ScriptedModel(model)}
        with Journal(tmp_path) as journal, Runtime([fn], models=models, sink=journal) as runtime:
            node = runtime.invoke(None, fn, inputs or {}) if again is None else again(runtime)
            node.wait(timeout=30)
            run = Run.of(node)
            go.said = repr(run)
            return run, Recording(tmp_path, runtime.run_name(node)), model.texts

    return go


def test_a_resumed_run_says_what_it_served_and_that_its_record_ended(lead):
    study = made()
    _, cut, _ = lead(study, inputs={"texts": ["a", "b"]}, fails={"Last: end"})
    run, now, texts = lead(study, lambda rt: resume(rt, cut, study))

    served = run.served
    assert texts == ["Last: end"]
    assert (served.how, served.of) == ("resume", cut.run)
    assert (served.requests, served.nodes, served.live_requests) == (2, 1, 1)
    assert served.served == 3 + served.draws + served.answers
    assert [(one.fn, one.count) for one in served.live] == [("last", 1)]
    assert "request 1 has no answer in the record" in served.live[0].why
    assert served.saved_usd == pytest.approx(2 * now.view.bill().usd)
    assert str(served).startswith(f"resume of {cut.run}: 1 call, 2 requests served; 1 request live")
    assert "saved $0." in str(served)
    assert lead.said.endswith("Success (resume: 1 call, 2 requests served; 1 request live)>")


def test_a_changed_prompt_goes_live_and_it_is_said_why(lead):
    _, cut, _ = lead(made(), inputs={"texts": ["a", "b"]}, fails={"Last: end"})
    changed = made("Name {text}", factor=1)
    run, _, texts = lead(changed, lambda rt: resume(rt, cut, changed))

    assert texts == ["Name a", "Name b", "Last: end"]
    title, last = run.served.live
    assert (title.fn, title.count) == ("title", 2)
    assert "request 1 differs in its part 1: recorded" in title.why
    assert "Title of a" in title.why
    assert "Name a" in title.why
    assert last.fn == "last"
    assert "live: title() × 2: its request 1 differs" in str(run.served)


def test_code_that_changed_runs_again_and_it_is_said(lead):
    _, cut, _ = lead(made(), inputs={"texts": ["a"]}, fails={"Last: end"})
    changed = made(factor=2)
    run, _, _ = lead(changed, lambda rt: resume(rt, cut, changed))

    assert run.result()[1] == 4
    said = {one.fn: one.why for one in run.served.live}
    assert "it has changed: version" in said["helper"]


def test_a_rerun_says_what_it_saved_and_what_could_not_be_judged(lead):
    class Odd:
        __slots__ = ()

        def __call__(self):
            return 1

    odd = Odd()

    @function
    def strange(x: int) -> int:
        return odd() + x

    def program(prompt):
        base = agent("base(text: str)", prompt, model="openai:gpt-5")
        keep = agent("keep(text: str)", "Keep {text}", model="openai:gpt-5")

        @function(uses=[base, keep, strange])
        def whole(texts: list[str]) -> list:
            return [base(text=texts[0]), *[keep(text=t) for t in texts], strange(x=1)]

        return whole

    _, was, _ = lead(program("Base {text}"), inputs={"texts": ["a", "b"]})
    changed = program("Basis {text}")
    run, _, texts = lead(
        changed, lambda rt: rerun(rt, was, changed, inputs={"texts": ["a", "b", "c"]})
    )

    assert texts == ["Basis a", "Keep c"]
    served = run.served
    assert (served.how, served.nodes, served.live_requests) == ("rerun", 2, 2)
    assert served.saved_usd == pytest.approx(2 * was.view.bill().usd / 3)
    said = {one.fn: one.why for one in served.live}
    assert "it has changed: version" in said["base"]
    assert said["keep"] == "this call of it, with these arguments, gave nothing then"
    assert "strange" in served.unjudged
    assert "could not be judged: strange() depends on" in str(served)


def test_a_fork_says_what_came_after_the_change(lead):
    study = made()
    _, was, _ = lead(study, inputs={"texts": ["a", "b"]})
    target = next(n for n in was.nodes.values() if n.opened.inputs == {"text": "b"})
    change = Change(target.key, inputs={"text": "B"})
    run, _, texts = lead(study, lambda rt: fork(rt, was, change, study))

    assert texts == ["Title of B", "Last: end"]
    said = {one.fn: one.why for one in run.served.live}
    assert "this call is not in the record" in said["title"]
    assert "the call that was changed" in said["last"]


def test_a_stored_run_says_how_much_was_served(lead, tmp_path):
    study = made()
    first, cut, _ = lead(study, inputs={"texts": ["a", "b"]}, fails={"Last: end"})
    live, now, _ = lead(study, lambda rt: resume(rt, cut, study))
    stored = Run(tmp_path, now.run).served

    assert first.served is None
    assert Run(tmp_path, cut.run).served is None
    assert (stored.how, stored.of) == ("resume", cut.run)
    assert stored.summary == live.served.summary
    assert stored.live == ()
    assert stored.saved_usd is None, "what served calls of code saved is in another record"


def test_reasons_are_bounded():
    reasons = Reasons()
    for number in range(10 * MOST_REASONS):
        reasons.add(f"fn{number}", "end", "x" * 10_000)
    told = reasons.by_reason()

    assert len(told) == MOST_REASONS + 1
    assert told[-1].count == 9 * MOST_REASONS
    words = str(
        Served(how="resume", of="x", live=told, unjudged=dict.fromkeys(map(str, told), "y"))
    )
    assert len(words) < 60_000
    assert "more reasons" in words


def test_what_was_served_is_said_in_a_line_whatever_it_was():
    many = Served(how="resume", of="r", nodes=1, requests=2, draws=3, answers=4, live_requests=5)

    assert many.summary == ("1 call, 2 requests, 3 draws, 4 answers served; 5 requests live")
    assert many.served == 10
    assert Served(how="resume", of="r").summary == "nothing served; no request live"


def test_more_than_fit_are_named_without_why():
    unjudged = {f"fn{n:02}": "its arguments" for n in range(MOST_LINES + 2)}
    lines = str(Served(how="rerun", of="r", unjudged=unjudged)).splitlines()

    assert len(lines) == 1 + MOST_LINES + 1
    assert lines[1] == "could not be judged: fn00() depends on its arguments"
    assert lines[-1] == f"nor could: fn{MOST_LINES:02}, fn{MOST_LINES + 1:02}"
