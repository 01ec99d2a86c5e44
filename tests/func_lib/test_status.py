"""An agent tells a person how far it is, beside its answer."""

import threading

import pytest

from netflux_nb import (
    AgentNode,
    ArgumentError,
    ModelStatusPart,
    Runtime,
    ToolResultPart,
    ToolUsePart,
    agent,
    function,
    view_from_json,
    view_to_json,
)
from netflux_nb.core.events import PartAdded, StatusSet
from netflux_nb.func_lib.status import status_update
from netflux_nb.providers import register_driver
from netflux_nb.testing import ScriptedModel, Turn, call


def run(script, *more):
    worker = agent("worker()", "Work.", uses=[status_update, *more], model="scripted")
    model = ScriptedModel(script)
    with Runtime([worker], models={"scripted": model}) as runtime:
        node = runtime.get_ctx().invoke(worker, {})
        node.wait(timeout=20)
        return node.view(), model


def parts_of(view, kind):
    return [p for p in view.transcript if isinstance(p, kind)]


def test_nu33_a_status_is_a_part_of_its_own():
    view, _ = run([Turn(calls=[call("status_update", msg=" half way ")]), "done"])

    assert view.outputs == "done"
    names = [type(p).__name__ for p in view.transcript]
    assert names == [
        "UserTextPart",
        "ToolUsePart",
        "ModelStatusPart",
        "ToolResultPart",
        "ModelTextPart",
    ]
    (part,) = parts_of(view, ModelStatusPart)
    (use,) = parts_of(view, ToolUsePart)
    assert part == ModelStatusPart("half way", use.tool_use_id)
    assert view.status == "half way"


def test_nu33_the_model_is_answered_ok_and_does_not_see_the_part():
    view, model = run([call("status_update", msg="half way"), "done"])

    assert [p.outputs for p in parts_of(view, ToolResultPart)] == ["ok"]
    seen = model.requests[1].parts
    assert not any(isinstance(p, ModelStatusPart) for p in seen)
    assert seen[-1].outputs == "ok"


def test_nu33_several_at_once_keep_their_order():
    calls = [call("status_update", msg=str(i)) for i in range(20)]

    view, _ = run([calls, "done"])

    assert [p.text for p in parts_of(view, ModelStatusPart)] == [str(i) for i in range(20)]
    assert view.status == "19"


def test_nu33_it_is_told_while_the_agent_works():
    heard = threading.Event()

    @function
    def wait_until_heard() -> bool:
        return heard.wait(20)

    worker = agent("worker()", "x", uses=[status_update, wait_until_heard], model="scripted")
    model = ScriptedModel([call("status_update", msg="soon"), call("wait_until_heard"), "done"])
    told = []

    def hear(event):
        if isinstance(event.body, (StatusSet, PartAdded)):
            told.append((event.node_id, event.body))
        if event.body == StatusSet("soon"):
            heard.set()

    with Runtime([worker], models={"scripted": model}) as runtime:
        runtime.subscribe(hear)
        node = runtime.get_ctx().invoke(worker, {})
        assert node.result(timeout=20) == "done"

    assert (node.id, StatusSet("soon")) in told
    assert "True" in str(model.requests[2].parts[-1].outputs)


def test_nu33_code_has_the_line_only():
    @function(uses=[status_update])
    def code() -> str:
        return status_update("half way")

    with Runtime([code]) as runtime:
        node = runtime.get_ctx().invoke(code, {})
        assert node.result(timeout=20) == "ok"
        assert node.view().status == "half way"


def test_nu33_on_its_own_it_says_so_of_itself():
    with Runtime([status_update]) as runtime:
        node = runtime.get_ctx().invoke(status_update, {"msg": "x"})
        assert node.result(timeout=20) == "ok"
        assert node.view().status == "x"


def test_nu33_a_driver_of_ones_own_keeps_its_transcript():
    class Driver(AgentNode):
        def run(self):
            self.invoke_tool_function("status_update", {"msg": "half way"}, "u1").result()
            self.ctx.post_success("done")

    register_driver("half way", Driver)
    worker = agent("worker()", "x", uses=[status_update], model="half way")
    with Runtime([worker], client_factories={worker.default_model: object}) as runtime:
        node = runtime.get_ctx().invoke(worker, {})
        assert node.result(timeout=20) == "done"
        assert node.view().status == "half way"
        assert node.view().transcript == ()


def test_nu33_it_is_bounded():
    view, model = run([call("status_update", msg="x" * 5_000), call("status_update", msg=" "), "y"])

    (part,) = parts_of(view, ModelStatusPart)
    assert len(part.text) == 2_000
    assert len(view.status) == 500
    refused = model.requests[2].parts[-1]
    assert refused.is_error
    assert ArgumentError.__name__ in refused.outputs


def test_nu33_it_survives_json():
    view, _ = run([call("status_update", msg="half way"), "done"])

    assert view_from_json(view_to_json(view)).transcript == view.transcript


@pytest.mark.parametrize("msg", [None, 1])
def test_nu33_a_status_is_text(msg):
    with pytest.raises(ArgumentError):
        status_update.validate_coerce_args({"msg": msg})
