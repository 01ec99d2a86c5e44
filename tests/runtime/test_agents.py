"""Agents in a live run (rows N34-N39, N108-N127, N171-N191, NU18-NU25, ND1, ND4, NW13, NW33)."""

import asyncio
import threading
from collections import Counter

import pytest
from pydantic import BaseModel

from netflux_nb import (
    AgentException,
    AgentFunction,
    CancellationException,
    CodeFunction,
    FunctionArg,
    ModelError,
    ModelProviderException,
    ModelTextPart,
    NodeState,
    Provider,
    TokenUsage,
    ToolResultPart,
    ToolUsePart,
    UserTextPart,
    agent,
    function,
)
from netflux_nb.core import AgentNode, RetriableException
from netflux_nb.testing import FakeClock, ScriptedModel, Turn, broken, call, flaky


@function
def add(x: int, y: int) -> int:
    return x + y


@function
def fails(why: str) -> int:
    raise LookupError(why)


adder = agent("adder(task: str)", "{task}", system="You add.", uses=[add, fails], model="scripted")


@pytest.fixture
def run(make_runtime):
    def go(fn, script, inputs=None, **options):
        model = script if isinstance(script, ScriptedModel) else ScriptedModel(script)
        clock = FakeClock()
        runtime = make_runtime(fn, models={"scripted": model}, sleep=clock.sleep, **options)
        node = runtime.get_ctx().invoke(fn, {"task": "go"} if inputs is None else inputs)
        node.wait(timeout=60)
        node.model_asked, node.clock = model, clock
        return node

    return go


def test_n39_an_agent_runs_to_its_final_text(run):
    node = run(adder, ["the end"])
    assert node.result() == "the end"
    assert node.view().transcript == (UserTextPart("go"), ModelTextPart("the end"))


def test_n35_what_it_uses_is_shown_to_the_model(run):
    tools = {t.name: t for t in run(adder, ["end"]).model_asked.requests[0].tools}
    assert set(tools) == {"add", "fails"}
    assert tools["add"].schema["properties"]["x"] == {"type": "integer"}
    assert tools["add"].schema["required"] == ["x", "y"]


def test_n127_the_whole_conversation_is_kept(run):
    node = run(adder, [Turn(thinking="hm", signature="s", calls=[call("add", x=1, y=2)]), "3"])
    kinds = [type(p).__name__ for p in node.view().transcript]
    assert kinds == [
        "UserTextPart",
        "ThinkingBlockPart",
        "ToolUsePart",
        "ToolResultPart",
        "ModelTextPart",
    ]
    assert node.view().transcript[1].signature == "s"
    assert node.get_transcript() == list(node.view().transcript)


def test_n126_the_history_is_sent_whole_and_in_order(run):
    node = run(adder, [call("add", x=1, y=2), call("add", x=3, y=4), "7"])
    last = node.model_asked.requests[-1]
    assert list(last.parts) == list(node.view().transcript)[:-1]


def test_n171_parallel_calls_run_in_parallel(run):
    meet = threading.Barrier(3, timeout=60)

    @function
    def meets(i: int) -> int:
        meet.wait()
        return i

    one = agent("one()", "x", uses=[meets], model="scripted")
    node = run(one, [[call("meets", i=i) for i in range(3)], "met"], {})
    assert node.result() == "met"
    results = [p.outputs for p in node.view().transcript if isinstance(p, ToolResultPart)]
    assert results == ["0", "1", "2"]


def test_n178_a_failed_call_is_told_to_the_model(run):
    node = run(adder, [call("fails", why="no such row"), "sorry"])
    result = node.view().transcript[2]
    assert result.is_error
    assert result.outputs == "LookupError: no such row"
    assert node.result() == "sorry"


def test_n179_it_is_bounded_and_has_no_traceback(run):
    node = run(adder, [call("fails", why="x" * 10_000), "sorry"])
    told = node.view().transcript[2].outputs
    assert len(told) < 4100
    assert "Traceback" not in told


def test_n180_bad_arguments_are_told_so_that_it_can_try_again(run):
    node = run(adder, [call("add", x="one", y=2), call("add", x=1, y=2), "3"])
    assert "Arg 'x' expects int, got str" in node.view().transcript[2].outputs
    assert node.result() == "3"


def test_nw33_a_models_bad_call_is_seen_in_the_tree(run):
    node = run(adder, [[call("add", x="one", y=2), call("no_such", z=1)], "sorry"])
    bad, unknown = node.view().children
    assert (bad.fn.name, bad.state, bad.inputs["x"]) == ("add", NodeState.Error, "one")
    assert (unknown.fn.name, unknown.state) == ("no_such", NodeState.Error)
    assert "Available: ['add', 'fails']" in str(unknown.exception)


def test_n184_some_of_a_batch_may_fail(run):
    node = run(
        adder, [[call("add", x=1, y=1), call("fails", why="w"), call("add", x=2, y=2)], "ok"]
    )
    flags = [p.is_error for p in node.view().transcript if isinstance(p, ToolResultPart)]
    assert flags == [False, True, False]


def raising():
    def body(ctx, *, msg: str) -> str:
        raise AgentException(msg, ctx.node.parent.fn.name, ctx.node.parent.id)

    return CodeFunction(
        name="raise_exception", desc="Give up.", args=[FunctionArg("msg", str)], callable=body
    )


def test_n182_an_agent_may_decide_to_fail(run):
    one = agent("one()", "x", uses=[raising()], model="scripted")
    node = run(one, [call("raise_exception", msg="no data")], {})
    with pytest.raises(AgentException, match="no data") as caught:
        node.result()
    assert (caught.value.agent_name, caught.value.node_id) == ("one", node.id)


def test_n185_the_whole_batch_is_tried_before_it_fails(run):
    one = agent("one()", "x", uses=[raising(), add], model="scripted")
    node = run(one, [[call("raise_exception", msg="no"), call("add", x=1, y=2)]], {})
    assert [c.state for c in node.view().children] == [NodeState.Error, NodeState.Success]
    assert node.state is NodeState.Error


def test_a_sub_agents_failure_is_a_result_like_any_other(run):
    inner = agent("inner()", "i", uses=[raising()], model="scripted")
    outer = agent("outer()", "o", uses=[inner], model="scripted")
    script = [call("inner"), call("raise_exception", msg="cannot"), "handled"]
    assert run(outer, script, {}).result() == "handled"


def test_n181_only_transient_faults_are_tried_again(run):
    node = run(adder, [flaky(), flaky(retry_after_s=7), "fine"])
    assert node.result() == "fine"
    assert 3 <= node.clock.slept[0] <= 3.3
    assert 7 <= node.clock.slept[1] <= 7.7


def test_n175_a_fault_of_the_endpoint_is_not_the_agents(run):
    node = run(adder, [broken("The account is closed")])
    with pytest.raises(ModelProviderException, match="The account is closed") as caught:
        node.result()
    assert isinstance(caught.value.inner_exception, ModelError)
    assert (caught.value.agent_name, caught.value.node_id) == ("adder", node.id)


def test_nw20_it_is_wrapped_once(run):
    error = run(adder, [broken()]).exception
    assert not isinstance(error.inner_exception, ModelProviderException)


def test_n117_an_unexpected_error_of_a_model_is_wrapped(run):
    def explode(request):
        return RuntimeError("bug")

    error = run(adder, explode).exception
    assert isinstance(error, ModelProviderException)
    assert isinstance(error.inner_exception, RuntimeError)


def test_nu23_retries_are_seen_beside_the_transcript(run):
    node = run(adder, [flaky("Overloaded"), "fine"])
    (note,) = node.view().intermediate_events
    assert isinstance(note, RetriableException)
    assert (note.attempt, note.position.part_index) == (1, 0)


def test_n112_usage_is_counted_a_turn(run):
    usage = TokenUsage(input_tokens_regular=10, input_tokens_total=10, output_tokens_total=5)
    node = run(
        adder,
        [Turn(calls=[call("add", x=1, y=2)], usage=usage), Turn(text="3", usage=usage)],
    )
    assert node.view().usage.input_tokens_total == 20
    assert node.view().usage.output_tokens_total == 10
    assert node.token_usage == node.view().usage


def test_nu21_a_tree_has_a_bill_a_provider(run):
    inner = agent("inner()", "i", model="scripted")
    outer = agent("outer()", "o", uses=[inner], model="scripted")
    usage = TokenUsage(input_tokens_regular=10, input_tokens_total=10, output_tokens_total=5)
    node = run(
        outer,
        [
            Turn(calls=[call("inner")], usage=usage),
            Turn(text="i", usage=usage),
            Turn(text="o", usage=usage),
        ],
        {},
    )
    bill = node.view().total_tree_token_bill()
    assert bill[Provider.Scripted].input_tokens_regular == 30
    assert bill[Provider.Scripted].output_tokens_total == 15


def test_n135_code_has_no_usage_and_no_transcript(run):
    child = run(adder, [call("add", x=1, y=2), "3"]).view().children[0]
    assert child.usage is None
    assert child.transcript == ()


def test_nu18_calls_children_and_results_are_tied_together(run):
    node = run(adder, [call("add", x=1, y=2), "3"])
    view = node.view()
    use = next(p for p in view.transcript if isinstance(p, ToolUsePart))
    result = next(p for p in view.transcript if isinstance(p, ToolResultPart))
    assert use.tool_use_id == result.tool_use_id == view.children[0].tool_use_id
    assert view.transcript_child_map[id(use)] is view.children[0]
    assert view.transcript_child_map[id(result)] is view.children[0]


def test_nw12_a_repeated_call_id_ends_nothing(run):
    same = Turn(calls=[call("add", x=1, y=2).__class__("add", {"x": 1, "y": 2}, "same")])
    node = run(adder, [same, same, "fine"])
    assert node.result() == "fine"
    assert len(node.view().children) == 2


def test_nu20_the_provider_is_known(run):
    assert run(adder, ["x"]).view().provider is Provider.Scripted


def test_n37_the_model_is_chosen_a_call(make_runtime):
    model = ScriptedModel(["a", "b"])
    runtime = make_runtime(
        adder, models={"scripted": ScriptedModel(broken), "other": model, "gemini": model}
    )
    runtime.get_ctx().invoke(adder, {"task": "x"}, provider="other:big-1").result()
    runtime.get_ctx().invoke(adder, {"task": "x"}, provider=Provider.Gemini).result()
    asked = [(r.provider, r.model) for r in model.requests]
    assert asked == [("other", "big-1"), ("gemini", None)]


def test_n57_a_factory_gives_the_client_once(make_runtime):
    made = []

    def factory():
        made.append(ScriptedModel(["a", "b"]))
        return made[-1]

    one = agent("one()", "x", model=Provider.Anthropic)
    runtime = make_runtime(one, client_factories={Provider.Anthropic: factory})
    assert [runtime.get_ctx().invoke(one, {}).result() for _ in range(2)] == ["a", "b"]
    assert len(made) == 1


def test_nw37_text_streams_into_the_transcript(make_runtime):
    release = asyncio.Event()
    seen = threading.Event()

    class Slow:
        async def reply(self, request, emit):
            from netflux_nb import Delta, ModelReply

            emit(Delta("thinking", "hm"))
            emit(Delta("text", "par"))
            emit(Delta("text", "tial"))
            seen.set()
            await release.wait()
            return ModelReply(parts=(ModelTextPart("whole"),))

    runtime = make_runtime(adder, models={"scripted": Slow()})
    node = runtime.get_ctx().invoke(adder, {"task": "x"})
    assert seen.wait(60)
    # The first piece comes at once, the rest ten times a second.
    view = node.view()
    while len(view.transcript) < 3 or view.transcript[2].text != "partial":
        view = node.watch(view.update_seqnum, timeout=60)
    assert [getattr(p, "text", None) or p.content for p in view.transcript[:2]] == ["x", "hm"]
    runtime.loop.call(release.set)
    assert node.result(timeout=60) == "whole"
    assert len(node.view().transcript) == 2


def blocked_model(usage=None):
    asked = threading.Event()
    stopped = threading.Event()

    class Blocked:
        async def reply(self, request, emit):
            from netflux_nb import Delta

            emit(Delta("text", "half", usage))
            asked.set()
            try:
                await asyncio.Event().wait()
            finally:
                stopped.set()

    return Blocked(), asked, stopped


def test_nw19_a_cancel_aborts_the_request(make_runtime):
    model, asked, stopped = blocked_model()
    node = make_runtime(adder, models={"scripted": model}).get_ctx().invoke(adder, {"task": "x"})
    assert asked.wait(60)
    node.cancel("enough")
    with pytest.raises(CancellationException, match="enough"):
        node.result(timeout=60)
    assert stopped.wait(60)


def test_n134_tokens_spent_before_a_cancel_are_kept(make_runtime):
    model, asked, _ = blocked_model(TokenUsage(input_tokens_total=100, output_tokens_total=7))
    node = make_runtime(adder, models={"scripted": model}).get_ctx().invoke(adder, {"task": "x"})
    assert asked.wait(60)
    node.cancel()
    node.wait(timeout=60)
    assert node.view().usage.total == 107
    assert node.view().transcript == (UserTextPart("x"),)


def test_nw13_an_answer_that_came_with_the_cancel_wins(make_runtime):
    holder = []

    def answer(request):
        holder[0].cancel("too late")
        return Turn(text="finished", usage=TokenUsage(output_tokens_total=500))

    runtime = make_runtime(adder, models={"scripted": ScriptedModel(answer)})
    ready = threading.Event()

    def ask(request):
        ready.wait(60)
        return answer(request)

    runtime.models["scripted"] = ScriptedModel(ask, stream=False)
    node = runtime.get_ctx().invoke(adder, {"task": "x"})
    holder.append(node)
    ready.set()
    assert node.result(timeout=60) == "finished"
    assert node.view().usage.output_tokens_total == 500


def test_a_cancel_wakes_a_backoff(make_runtime):
    waits = threading.Event()

    async def sleep(seconds):
        waits.set()
        await asyncio.Event().wait()

    runtime = make_runtime(adder, models={"scripted": ScriptedModel([flaky()])}, sleep=sleep)
    node = runtime.get_ctx().invoke(adder, {"task": "x"})
    assert waits.wait(60)
    assert node.view().waiting_on.kind == "retry"
    node.cancel("enough")
    with pytest.raises(CancellationException):
        node.result(timeout=60)


def test_q55_nd1_requests_are_limited_a_provider(make_runtime):
    running, most, lock = Counter(), Counter(), threading.Lock()

    def model(name):
        async def answer(request):
            with lock:
                running[name] += 1
                most[name] = max(most[name], running[name])
                most["both"] = max(most["both"], running["one"] + running["two"])
            await asyncio.sleep(0.001)
            running[name] -= 1
            return "ok"

        return ScriptedModel(answer)

    runtime = make_runtime(
        adder, models={name: model(name) for name in ("one", "two")}, limits={"one": 3, "two": 2}
    )
    nodes = [
        runtime.get_ctx().invoke(adder, {"task": str(i)}, provider=("one", "two")[i % 2])
        for i in range(40)
    ]
    assert [n.result(timeout=60) for n in nodes] == ["ok"] * 40
    # Each has its own: neither takes from the other.
    assert (most["one"], most["two"]) == (3, 2)
    assert most["both"] > 3


def test_nd1_a_node_that_waits_for_its_turn_says_so(make_runtime):
    model, asked, _ = blocked_model()
    runtime = make_runtime(adder, models={"scripted": model}, limits={"scripted": 1})
    first = runtime.get_ctx().invoke(adder, {"task": "1"})
    assert asked.wait(60)
    second = runtime.get_ctx().invoke(adder, {"task": "2"})
    view, seq = None, 0
    while view is None or view.waiting_on is None:
        view = second.watch(seq, timeout=60)
        seq = view.update_seqnum
    assert view.waiting_on.kind == "turn"
    second.cancel()
    first.cancel()
    second.wait(timeout=60)


def test_nd4_a_node_names_what_it_waits_for(make_runtime):
    started, go = threading.Event(), threading.Event()

    @function
    def tool() -> int:
        started.set()
        go.wait(60)
        return 1

    one = agent("one()", "x", uses=[tool], model="scripted")
    runtime = make_runtime(one, models={"scripted": ScriptedModel([call("tool"), "end"])})
    node = runtime.get_ctx().invoke(one, {})
    assert started.wait(60)
    seq, on = 0, None
    while on is None or on.kind != "child":
        view = node.watch(seq, timeout=60)
        seq, on = view.update_seqnum, view.waiting_on
    assert (on.kind, on.what) == ("child", "tool")
    go.set()
    assert node.result(timeout=60) == "end"
    assert node.view().waiting_on is None


def test_nd4_so_does_code_that_runs_its_child_itself(make_runtime):
    @function
    def tool(ctx) -> str:
        on = ctx.node.parent.view().waiting_on
        return f"{on.kind} {on.what}"

    @function(uses=[tool])
    def outer() -> str:
        return tool()

    node = make_runtime(outer).get_ctx().invoke(outer, {})
    assert node.result(timeout=60) == "child tool"
    assert node.view().waiting_on is None


class Facts(BaseModel):
    name: str
    year: int


def test_a_result_type_is_checked(run):
    one = agent("one() -> Facts", "x", model="scripted", types={"Facts": Facts})
    node = run(one, ['{"name": "ink", "year": "old"}', '{"name": "ink", "year": 1200}'], {})
    assert node.result() == Facts(name="ink", year=1200)
    assert "year" in node.model_asked.requests[1].parts[-1].text


def test_q55_n34_a_path_argument_is_loaded(run, tmp_path):
    file = tmp_path / "note.txt"
    file.write_text("the {text} ö inside", encoding="utf-8")
    (tmp_path / "large.txt").write_text("x" * 1_000_001)
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")

    def prompt(note, load=True):
        one = AgentFunction(
            name="one",
            desc="",
            args=[FunctionArg("note", str, load=load)],
            system_prompt="",
            user_prompt_template="Read: {note}",
            default_model="scripted",
        )
        node = run(one, ["ok"], {"note": note})
        node.result()
        assert node.inputs == {"note": note}, "what was passed stays what it was"
        return node.model_asked.requests[0].parts[0].text

    assert prompt(str(file)) == "Read: the {text} ö inside"
    for text in ("no file, just text", str(tmp_path), str(tmp_path / "nowhere.txt"), "a\n" * 5_000):
        assert prompt(text) == f"Read: {text}"
    assert prompt(str(file), load=False) == f"Read: {file}"
    for name, why in (("large.txt", "1,000,001 bytes"), ("bytes.txt", "is not UTF-8 text")):
        with pytest.raises(ValueError, match=why):
            prompt(str(tmp_path / name))


class Driver(AgentNode):
    """A driver as programs for the seed write one: a loop of its own on a thread."""

    counted = TokenUsage(input_tokens_total=3, output_tokens_total=4)

    @property
    def token_usage(self):
        return self.counted

    def run(self):
        self.ctx.post_running()
        self.transcript.append(UserTextPart(self.build_user_text()))
        self.ctx.post_transcript_update()
        child = self.invoke_tool_function("add", {"x": 1, "y": 2}, "t1")
        text = str(child.result())
        self.transcript.append(ModelTextPart(text))
        self.ctx.post_success(text)


def test_n200_a_seed_style_driver_runs(make_runtime):
    from netflux_nb.providers import register_driver

    register_driver("homemade", Driver)
    runtime = make_runtime(adder, client_factories={"homemade": object})
    node = runtime.get_ctx().invoke(adder, {"task": "t"}, provider="homemade")
    assert node.result(timeout=60) == "3"
    assert node.view().usage.total == 7
    assert node.view().transcript == (UserTextPart("t"), ModelTextPart("3"))
    assert node.view().transcript_child_map == {}


def test_nw18_a_provider_of_ones_own_is_one_registration(make_runtime):
    from netflux_nb.providers import register_model

    class Client:
        """What a user's SDK would give."""

    class Adapter:
        def __init__(self, client):
            assert isinstance(client, Client)

        async def reply(self, request, emit):
            from netflux_nb import ModelReply

            return ModelReply(parts=(ModelTextPart(f"from {request.model}"),))

    register_model("garage", Adapter)
    runtime = make_runtime(adder, client_factories={"garage": Client})
    node = runtime.get_ctx().invoke(adder, {"task": "x"}, provider="garage:v8")
    assert node.result(timeout=60) == "from v8"
    assert node.provider == "garage"


def test_n115_an_unknown_tool_lists_the_known(make_runtime):
    from netflux_nb.core import RunContext

    node = AgentNode(RunContext(None), 1, adder, {"task": "x"}, None)
    with pytest.raises(RuntimeError, match=r"Unknown tool: 'zip'.*add"):
        node.invoke_tool_function("zip", {}, "t")


def test_n113_user_text_is_built_from_inputs():
    from netflux_nb.core import RunContext

    assert AgentNode(RunContext(None), 1, adder, {"task": "x{y}"}, None).build_user_text() == "x{y}"
