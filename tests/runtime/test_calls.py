"""What may be called, by whom, with what (rows N55-N69, N48, N52, NU1-NU8)."""

import inspect
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import BaseModel, field_validator
from record_views import views

from netflux_nb import (
    AgentFunction,
    CodeFunction,
    FunctionArg,
    FunctionError,
    MaxAgentLevelExceededException,
    NoNodeError,
    Provider,
    Runtime,
    agent,
    function,
)
from netflux_nb.core import CodeNode, RunContext
from netflux_nb.record.journal import Journal
from netflux_nb.testing import ScriptedModel, call


@function
def leaf(x: int = 1) -> int:
    return x


def orchestrator(ctx: RunContext, *, n: int) -> int:
    return sum(node.result() for node in [ctx.invoke(leaf, {"x": i}) for i in range(n)])


summing = CodeFunction(
    name="summing", desc="Add up.", args=[FunctionArg("n", int)], callable=orchestrator, uses=[leaf]
)


def test_n3_code_and_agents_call_each_other(make_runtime):
    inner = agent("inner(x: int)", "{x}", uses=[leaf], model="scripted")

    @function(uses=[inner])
    def middle(x: int) -> str:
        return inner(x=x)

    outer = agent("outer()", "go", uses=[middle], model="scripted")
    answers = ScriptedModel([call("middle", x=2), call("leaf", x=3), "inner done", "outer done"])
    runtime = make_runtime(outer, models={"scripted": answers})

    assert runtime.get_ctx().invoke(outer, {}).result() == "outer done"
    names = [v.fn.name for _, v in runtime.list_toplevel_views()[0].walk()]
    assert names == ["outer", "middle", "inner", "leaf"]
    answers.assert_finished()


def test_n4_any_function_is_an_entry(make_runtime):
    runtime = make_runtime(summing)
    assert runtime.get_ctx().invoke(leaf, {"x": 4}).result() == 4
    assert runtime.get_ctx().invoke(summing, {"n": 4}).result() == 6


def test_n47_a_callable_may_be_called_directly_without_uses(make_runtime):
    @function
    def direct(ctx: RunContext) -> int:
        return summing.callable(ctx, n=0)

    assert make_runtime(direct).get_ctx().invoke(direct, {}).result() == 0


def test_q15_what_is_called_directly_may_call_what_it_declares(make_runtime):
    @function(uses=[leaf])
    def middle(x: int) -> int:
        return leaf(x=x)

    @function
    def top(ctx: RunContext) -> int:
        return middle.callable(ctx, x=4) + summing.callable(ctx, n=3)

    runtime = make_runtime(top)
    node = runtime.get_ctx().invoke(top, {})

    assert node.result() == 7
    assert [one.fn.name for one in node.children] == ["leaf"] * 4


def test_q15_so_may_code_that_is_awaited_or_in_a_thread_of_its_own(make_runtime):
    @function(uses=[leaf])
    async def waits(ctx: RunContext) -> int:
        await ctx.sleep(0)
        return await leaf.start(x=1)

    @function(uses=[leaf])
    def threads(ctx: RunContext) -> list[int]:
        with ThreadPoolExecutor() as pool:
            return list(pool.map(lambda x: ctx.invoke(leaf, {"x": x}).result(), range(3)))

    @function
    async def top(ctx: RunContext) -> int:
        return await waits.callable(ctx)

    @function
    def other(ctx: RunContext) -> list[int]:
        return threads.callable(ctx)

    runtime = make_runtime(top, other)

    assert runtime.get_ctx().invoke(top, {}).result() == 1
    assert runtime.get_ctx().invoke(other, {}).result() == [0, 1, 2]
    assert inspect.iscoroutinefunction(waits.callable)


def test_q15_its_declarations_count_only_while_it_runs(make_runtime):
    @function(uses=[leaf])
    def middle() -> int:
        return leaf(x=1)

    @function(uses=[middle])
    def top(ctx: RunContext) -> str:
        middle.callable(ctx)
        middle()
        with pytest.raises(FunctionError, match=r"top\(\) may not call leaf\(\)"):
            leaf(x=2)
        with pytest.raises(FunctionError, match="may not call summing"):
            summing(n=1)
        return "refused"

    runtime = make_runtime(top, summing)

    assert runtime.get_ctx().invoke(top, {}).result() == "refused"


@pytest.mark.parametrize("how", ["call", "start", "invoke"])
@pytest.mark.parametrize("kind", ["code", "agent"])
def test_q55_n48_uses_is_enforced(make_runtime, kind, how):
    thinks = agent("thinks(x: int)", "{x}", model="scripted")
    callee = leaf if kind == "code" else thinks

    def ask(ctx: RunContext) -> object:
        if how == "call":
            return callee(x=1)
        if how == "start":
            return callee.start(x=1).result()
        return ctx.invoke(callee, {"x": 1}).result()

    sneaky = function(ask, name="sneaky")
    honest = function(ask, name="honest", uses=[callee])
    models = {"scripted": ScriptedModel(["1"])}
    runtime = make_runtime(sneaky, honest, callee, models=models)

    refused = runtime.get_ctx().invoke(sneaky, {})
    name = callee.name
    with pytest.raises(ValueError, match=rf"sneaky\(\) may not call {name}\(\).*`uses`"):
        refused.result(timeout=60)
    assert refused.children == []
    assert str(runtime.get_ctx().invoke(honest, {}).result(timeout=60)) == "1"


def test_nw22_a_refused_call_makes_no_node(make_runtime):
    @function
    def sneaky() -> str:
        with pytest.raises(ValueError, match="uses"):
            leaf(x=1)
        return "refused"

    runtime = make_runtime(sneaky, leaf)
    node = runtime.get_ctx().invoke(sneaky, {})
    assert node.result() == "refused"
    assert node.view().children == ()


def test_n52_circles_are_refused_at_construction():
    one = CodeFunction(name="one", desc="", args=[], callable=lambda ctx: 1)
    two = CodeFunction(name="two", desc="", args=[], callable=lambda ctx: 2, uses=[one])
    one.uses_funcs.append(two)
    with pytest.raises(ValueError, match="one -> two -> one"):
        Runtime([one])


def test_q55_nw23_recursion_is_refused_unless_declared(make_runtime):
    def code(name, **options):
        return CodeFunction(name=name, desc="", args=[], callable=lambda ctx: 1, **options)

    self_made = code("again")
    self_made.uses_funcs.append(self_made)
    with pytest.raises(ValueError, match="uses_recursion=True"):
        Runtime([self_made])
    first, second = code("first"), code("second")
    third = code("third", uses=[first])
    first.uses_funcs.append(second)
    second.uses_funcs.append(third)
    with pytest.raises(ValueError, match="uses_recursion=True"):
        Runtime([third])

    @function(uses_recursion=True)
    def down(ctx: RunContext, n: int) -> int:
        return 0 if n == 0 else 1 + down(n=n - 1)

    assert make_runtime(down).get_ctx().invoke(down, {"n": 5}).result(timeout=60) == 5


def test_nu1_recursion_is_opt_in(make_runtime):
    @function(uses_recursion=True)
    def count_down(n: int) -> int:
        return 0 if n == 0 else 1 + count_down(n=n - 1)

    assert make_runtime(count_down).get_ctx().invoke(count_down, {"n": 5}).result() == 5


def test_n55_the_constructor_takes_specs_and_factories():
    with Runtime(specs=[leaf], client_factories={Provider.Anthropic: lambda: None}) as runtime:
        assert runtime.invocable_functions == (leaf,)


@pytest.mark.parametrize(
    ("factories", "says"),
    [({"bad": lambda: None}, "Provider"), ({Provider.Gemini: object()}, "callables")],
)
def test_n56_factories_are_checked(factories, says):
    with pytest.raises(TypeError, match=says):
        Runtime([], client_factories=factories)
    with pytest.raises(TypeError, match=says):
        Runtime.validate_client_factories(factories)


def test_n58_what_is_used_is_registered_breadth_first():
    top = CodeFunction(name="top", desc="", args=[], callable=lambda ctx: 1, uses=[summing])
    with Runtime([top]) as runtime:
        assert runtime.invocable_functions == (top, summing, leaf)


def test_n59_two_functions_of_one_name_are_refused():
    other = CodeFunction(name="leaf", desc="", args=[], callable=lambda ctx: 1)
    with pytest.raises(ValueError, match=r"Duplicate Function name 'leaf' found"):
        Runtime([leaf, other])
    with Runtime([leaf, leaf, summing]) as runtime:
        assert len(runtime.invocable_functions) == 2


def test_n60_specs_hold_functions():
    with pytest.raises(TypeError, match="specs must hold Functions, got int"):
        Runtime([3])


def test_n61_the_outer_context_has_no_node(make_runtime):
    ctx = make_runtime().get_ctx()
    assert ctx.node is None
    assert not ctx.cancel_requested()


def test_n62_invoke_takes_the_seeds_parameters(make_runtime):
    node = make_runtime(leaf).invoke(caller=None, fn=leaf, inputs={"x": 2}, cancel_event=None)
    assert isinstance(node, CodeNode)
    assert node.result() == 2


def test_n63_unregistered_and_impostor_are_told_apart(make_runtime):
    runtime = make_runtime(leaf)
    impostor = CodeFunction(name="leaf", desc="", args=[], callable=lambda ctx: 1)
    with pytest.raises(ValueError, match=r"'summing' is not registered"):
        runtime.get_ctx().invoke(summing, {"n": 1})
    with pytest.raises(ValueError, match="shares a name"):
        runtime.get_ctx().invoke(impostor, {})


def test_n64_code_takes_no_provider(make_runtime):
    with pytest.raises(ValueError, match="only valid for AgentFunction"):
        make_runtime(leaf).get_ctx().invoke(leaf, {}, provider=Provider.Gemini)


def test_n65_a_provider_without_factory_is_named(make_runtime):
    one = agent("one()", "x", model=Provider.Gemini)
    with pytest.raises(ValueError, match=r"'gemini' needs a key: set .* GEMINI_API_KEY"):
        make_runtime(one).get_ctx().invoke(one, {})
    strange = agent("one()", "x", model="nobody")
    with pytest.raises(ValueError, match="'nobody'"):
        make_runtime(strange).get_ctx().invoke(strange, {})


def test_n66_bad_arguments_make_no_node(make_runtime):
    runtime = make_runtime(leaf)
    with pytest.raises(ValueError, match="Unknown arg"):
        runtime.get_ctx().invoke(leaf, {"y": 1})
    assert runtime.list_toplevel_views() == []


def test_n67_a_call_is_linked_and_indexed(make_runtime):
    runtime = make_runtime(summing)
    root = runtime.get_ctx().invoke(summing, {"n": 3})
    root.wait()
    assert [c.parent for c in root.children] == [root] * 3
    assert [runtime.get_view(c.id).fn for c in root.children] == [leaf] * 3


def test_n77_trees_are_disjoint(make_runtime):
    runtime = make_runtime(summing)
    trees = [runtime.get_ctx().invoke(summing, {"n": 2}) for _ in range(3)]
    for tree in trees:
        tree.wait()
    ids = [{v.id for _, v in t.walk()} for t in runtime.list_toplevel_views()]
    assert all(len(i) == 3 for i in ids)
    assert len(set.union(*ids)) == 9


def test_n94_ids_grow_and_skip_nothing_on_failed_calls(make_runtime):
    runtime = make_runtime(leaf)
    first = runtime.get_ctx().invoke(leaf, {})
    with pytest.raises(ValueError, match="Unknown"):
        runtime.get_ctx().invoke(leaf, {"z": 1})
    assert runtime.get_ctx().invoke(leaf, {}).id == first.id + 1


def test_n223_transitive_functions_may_be_called_at_the_top(make_runtime):
    assert make_runtime(summing).get_ctx().invoke(leaf, {}).result() == 1


def nested_agents(depth):
    inner = agent("level_0()", "x", model="scripted")
    for i in range(1, depth):
        inner = agent(f"level_{i}()", "x", uses=[inner], model="scripted")
    return inner


def deeper(request):
    tools = request.tools
    done = any(type(p).__name__ == "ToolResultPart" for p in request.parts)
    return call(tools[0].name) if tools and not done else "end"


def test_nu2_agent_levels_are_capped_a_tree(make_runtime):
    top = nested_agents(4)
    runtime = make_runtime(top, models={"scripted": ScriptedModel(deeper)})
    node = runtime.get_ctx().invoke(top, {}, max_agent_levels=2)
    node.wait()
    levels = [v.fn.name for _, v in node.view().walk()]
    assert levels == ["level_3", "level_2", "level_1"]
    refused = list(node.view().walk())[-1][1]
    assert isinstance(refused.exception, MaxAgentLevelExceededException)


def test_nw31_eight_levels_work_by_default(make_runtime):
    top = nested_agents(8)
    runtime = make_runtime(top, models={"scripted": ScriptedModel(deeper)})
    assert runtime.get_ctx().invoke(top, {}).result() == "end"


def test_nu3_the_cap_is_raised_before_a_node_exists(make_runtime):
    top = nested_agents(1)
    runtime = make_runtime(top, models={"scripted": ScriptedModel(deeper)})
    with pytest.raises(MaxAgentLevelExceededException, match="level_0"):
        runtime.get_ctx().invoke(top, {}, max_agent_levels=0)
    assert runtime.list_toplevel_views() == []


def test_nu4_an_agent_at_the_limit_is_told_so(make_runtime):
    top = nested_agents(2)
    model = ScriptedModel(deeper)
    runtime = make_runtime(top, models={"scripted": model})
    runtime.get_ctx().invoke(top, {}, max_agent_levels=1).wait()
    assert "level 1 of 1" in model.requests[0].system


@pytest.mark.parametrize("levels", [True, -1, 65, 1.0, "2"])
def test_nw30_bad_levels_are_a_value_error(make_runtime, levels):
    with pytest.raises(ValueError, match="max_agent_levels must be"):
        make_runtime(leaf).get_ctx().invoke(leaf, {}, max_agent_levels=levels)


def test_nu5_lineage_and_root_are_known(make_runtime):
    seen = []

    @function
    def look(ctx: RunContext) -> int:
        seen.append((ctx.node.agent_lineage_level, ctx.node.root_ancestor.fn.name))
        return 1

    one = agent("one()", "x", uses=[look], model="scripted")
    runtime = make_runtime(one, models={"scripted": ScriptedModel([call("look"), "end"])})
    runtime.get_ctx().invoke(one, {}).result()
    assert seen == [(1, "one")]


def test_nu8_a_terminal_node_calls_nothing(make_runtime):
    runtime = make_runtime(summing)
    root = runtime.get_ctx().invoke(summing, {"n": 0})
    root.wait()
    with pytest.raises(RuntimeError, match="terminal node"):
        root.ctx.invoke(leaf, {})


def test_nu14_invocable_functions_are_listed(make_runtime):
    assert make_runtime(summing).invocable_functions == (summing, leaf)


def test_a_redefinition_replaces_and_running_ones_keep_theirs(make_runtime):
    @function(name="word")
    def first() -> str:
        return "first"

    @function(name="word")
    def second() -> str:
        return "second"

    runtime = make_runtime(first)
    runtime.register(second)
    assert runtime.get_ctx().invoke(second, {}).result() == "second"
    assert runtime.get_ctx().invoke(first, {}).result() == "first"
    assert runtime.invocable_functions == (second,)


def test_an_agents_tools_are_the_newest_under_their_names(make_runtime):
    @function(name="word")
    def first() -> str:
        return "first"

    @function(name="word")
    def second() -> str:
        return "second"

    one = agent("one()", "x", uses=[first], model="scripted")
    runtime = make_runtime(one, models={"scripted": ScriptedModel([call("word"), "end"])})
    runtime.register(second)
    node = runtime.get_ctx().invoke(one, {})
    node.wait()
    assert node.view().children[0].outputs == "second"


def test_n29_subtypes_of_agents_are_allowed(make_runtime):
    class Polite(AgentFunction):
        def user_text(self, inputs):
            return "please " + super().user_text(inputs)

    one = Polite(
        name="one",
        desc="",
        args=[FunctionArg("x", str)],
        system_prompt="",
        user_prompt_template="{x}",
        default_model="scripted",
    )
    model = ScriptedModel(["ok"])
    make_runtime(one, models={"scripted": model}).get_ctx().invoke(one, {"x": "a"}).result()
    assert model.requests[0].parts[0].text == "please a"


def test_n54_what_is_refused_is_refused_when_the_runtime_is_made():
    one = CodeFunction(name="one", desc="", args=[], callable=lambda ctx: 1)
    two = CodeFunction(name="two", desc="", args=[], callable=lambda ctx: 2, uses=[one])
    three = CodeFunction(name="three", desc="", args=[], callable=lambda ctx: 2, uses=[two])
    one.uses_funcs.append(three)
    with pytest.raises(ValueError, match="Circular uses"):
        Runtime([three])


def test_a_provider_that_nobody_knows_is_told_with_those_there_are(make_runtime):
    title = agent("title()", "x", model="anthropc")

    with pytest.raises(
        FunctionError, match=r"'anthropc'.*There is: anthropic, .*gemini, mine, openai"
    ):
        make_runtime(title, models={"mine": ScriptedModel(["x"])}).get_ctx().invoke(title, {})


def test_a_script_that_is_missing_is_told_with_how_to_give_one(make_runtime):
    title = agent("title()", "x", model="scripted")

    with pytest.raises(FunctionError, match=r"no script.*models=\{\"scripted\": ScriptedModel"):
        make_runtime(title).get_ctx().invoke(title, {})


MISTAKES = {
    "models": ({"models": {"scripted": 3}}, "`models` has int for 'scripted'; give a Model"),
    "limits": ({"limits": {"gemini": "20"}}, "`limits` has str for 'gemini'; give a Limit"),
    "policies": ({"policies": ["x"]}, "`policies` holds policies; got str"),
}


@pytest.mark.parametrize(("given", "told"), MISTAKES.values(), ids=MISTAKES)
def test_what_a_runtime_cannot_use_is_told_when_it_is_made(given, told):
    with pytest.raises(TypeError, match=told):
        Runtime(**given)


@function
def grows(items: list[Any], table: Any) -> list[Any]:
    """Change what it is given, and what it gave."""
    items[0].append(9)
    table["rows"].append(9)
    return items


@function(uses=[grows])
def keeps(ctx: RunContext) -> list[Any]:
    table = {"rows": [1]}
    given = grows(items=[[1]], table=table)
    assert table == {"rows": [1, 9]}  # code has the values themselves
    given.append("later")
    return given


def test_q11_what_is_shown_is_what_was_passed(make_runtime, tmp_path):
    with Journal(tmp_path) as journal:
        runtime = make_runtime(keeps, sink=journal)
        node = runtime.get_ctx().invoke(keeps, {})
        result = node.result()
        live = node.view()
        result.append("last")

    stored = views(tmp_path)[0]

    assert result == [[1, 9], "later", "last"]
    for view in (live, stored):
        assert view.outputs == [[1, 9], "later"]
        (below,) = view.children
        assert dict(below.inputs) == {"items": [[1]], "table": {"rows": [1]}}
        assert below.outputs == [[1, 9]]


def test_q11_an_agent_is_told_what_it_was_given_when_it_was_called(make_runtime):
    waits = agent("waits(items: list)", "Of {items}.", model="scripted")
    model = ScriptedModel(["done"])

    @function(uses=[waits])
    def calls(ctx: RunContext) -> str:
        items = [[1]]
        ctx.node.pause()
        node = waits.start(items=items)
        items[0].append(2)
        ctx.node.unpause()
        return node.result()

    runtime = make_runtime(calls, models={"scripted": model})

    assert runtime.get_ctx().invoke(calls, {}).result() == "done"
    assert model.requests[0].parts[0].text == "Of [[1]]."


def test_q11_code_that_an_agent_calls_does_not_change_what_the_model_said(make_runtime):
    @function
    def shortens(rows: Any) -> int:
        return len([rows["a"].pop() for _ in range(2)])

    thinks = agent("thinks()", "go", uses=[shortens], model="scripted")
    model = ScriptedModel([call("shortens", rows={"a": [1, 2]}), "done"])
    runtime = make_runtime(thinks, models={"scripted": model})
    node = runtime.get_ctx().invoke(thinks, {})
    node.wait()

    asked = model.requests[1].parts[1]

    assert dict(asked.args) == {"rows": {"a": [1, 2]}}
    assert dict(node.view().children[0].inputs) == {"rows": {"a": [1, 2]}}


def test_a_call_of_a_lent_thread_does_not_open_below_a_node_that_ended_meanwhile(make_runtime):
    looks, ended = threading.Event(), threading.Event()
    threads = []

    class Slow(BaseModel):
        x: int

        @field_validator("x")
        @classmethod
        def wait(cls, x: int) -> int:
            looks.set()  # the caller was found to run
            ended.wait(30)
            return x

    @function
    def child(slow: Slow) -> int:
        return slow.x

    @function(uses=[child])
    def parent(ctx: RunContext) -> str:
        call_it = ctx.bind(lambda: ctx.invoke(child, {"slow": {"x": 1}}))
        pool = ThreadPoolExecutor(1)
        threads.append((pool, pool.submit(call_it)))
        looks.wait(30)
        return "done"

    runtime = make_runtime(parent, child)
    node = runtime.invoke(None, parent, {})
    assert node.result(timeout=30) == "done"
    ended.set()

    ((pool, late),) = threads
    with pytest.raises(NoNodeError, match="from a terminal node"):
        late.result(timeout=30)
    pool.shutdown()
    assert runtime.get_view(node.id).children == ()
