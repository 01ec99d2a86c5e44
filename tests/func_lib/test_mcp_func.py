"""Tools of an MCP server are Functions: over a pipe and over HTTP, with servers that misbehave."""

import asyncio
import json
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import cloudpickle
import pytest

from netflux_nb import (
    ArgumentError,
    CancellationException,
    FunctionError,
    Runtime,
    agent,
    function,
    version_of,
)
from netflux_nb.core.messages import ImageResult
from netflux_nb.func_lib.mcp_func import McpError, McpToolError, from_mcp, function_name
from netflux_nb.testing import ScriptedModel, call

SERVERS = Path(__file__).parent / "servers"
WAIT_S = 60


def tool(name, properties=None, required=(), **more):
    schema = {"type": "object", "properties": properties or {}, "required": list(required)}
    return {"name": name, "description": f"The tool {name}.", "inputSchema": schema, **more}


def plain(*tools, mode=""):
    return [sys.executable, "-I", str(SERVERS / "plain.py"), json.dumps(tools), mode]


@pytest.fixture
def connect():
    """Connect to a server by hand, with a runtime for its tools."""
    opened = []

    def open_it(*tools, mode="", **options):
        found = from_mcp(plain(*tools, mode=mode), **options)
        runtime = Runtime(list(found))
        opened.extend([runtime, found])
        return found, runtime.get_ctx()

    yield open_it
    for thing in opened:
        thing.close()


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    for thread in threading.enumerate():
        if thread.name == "netflux-mcp":
            thread.join(WAIT_S)
            assert not thread.is_alive()


def result(ctx, fn, /, **args):
    return ctx.invoke(fn, args).result(timeout=WAIT_S)


def is_alive(pid):
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_tool_is_a_function(connect):
    tools, ctx = connect(tool("echo", {"x": {"type": "integer"}}, ["x"]), tool("nothing"))

    echo = tools["echo"]
    assert [f.name for f in tools] == ["echo", "nothing"]
    assert (echo.desc, echo.effect, echo.is_code()) == ("The tool echo.", "mcp", True)
    assert json.loads(result(ctx, echo, x=1)) == {"x": 1}
    assert result(ctx, tools["nothing"]) == ""
    with pytest.raises(ArgumentError, match="expects int"):
        result(ctx, echo, x="one")
    with pytest.raises(ArgumentError, match="Missing required"):
        result(ctx, echo)
    with pytest.raises(KeyError):
        tools["other"]
    assert (len(tools), tools[0], list(tools[:1])) == (2, echo, [echo])


def test_an_agent_may_call_it_and_is_shown_the_servers_own_schema(connect):
    properties = {
        "path-name": {"type": "string", "pattern": "^/", "description": "where"},
        "$kind": {"enum": ["a", 1]},
        "class": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/x"}]},
    }
    odd = tool("echo", properties, ["path-name"])
    odd["inputSchema"]["$defs"] = {"x": {"type": "null"}}
    tools, _ = connect(odd)
    clerk = agent("clerk()", "Do it.", uses=tools, model="scripted")
    script = ScriptedModel([call("echo", **{"path-name": "/a", "$kind": 1, "class": None}), "done"])

    with Runtime([clerk], models={"scripted": script}) as runtime:
        assert runtime.get_ctx().invoke(clerk, {}).result(timeout=WAIT_S) == "done"

    assert script.requests[0].tools[0].schema == odd["inputSchema"]
    sent = json.loads(script.requests[1].parts[-1].outputs)
    assert sent == {"path-name": "/a", "$kind": 1, "class": None}
    assert [a.name for a in tools["echo"].args] == ["path_name", "_kind", "class_"]


VALUES = {
    "text": ({"type": "string"}, "x", 1),
    "whole": ({"type": "integer"}, 1, "x"),
    "number": ({"type": "number"}, 1.5, "x"),
    "claim": ({"type": "boolean"}, True, 2),
    "list": ({"type": "array", "items": {"type": "string"}}, ["x"], "x"),
    "object": ({"type": "object"}, {"a": {"b": 1}}, "x"),
    "word": ({"type": "string", "enum": ["a", "b"]}, "a", "c"),
}


@pytest.mark.parametrize(("schema", "good", "bad"), VALUES.values(), ids=VALUES)
def test_values_are_checked_and_passed_as_they_are(connect, schema, good, bad):
    tools, ctx = connect(tool("echo", {"v": schema}, ["v"]))

    assert json.loads(result(ctx, tools["echo"], v=good)) == {"v": good}
    with pytest.raises(ArgumentError):
        result(ctx, tools["echo"], v=bad)


FREE = {
    "no type": {},
    "two types": {"type": ["string", "null"]},
    "either": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
    "true": True,
    "elsewhere": {"$ref": "#/$defs/x"},
    "numbers": {"type": "string", "enum": ["a", 1]},
    "none": {"type": "string", "enum": []},
    "an odd type": {"type": "tuple"},
}


@pytest.mark.parametrize("schema", FREE.values(), ids=FREE)
def test_any_other_schema_takes_any_json(connect, schema):
    tools, ctx = connect(tool("echo", {"v": schema}))

    for value in ("x", 1, None, [1, {"a": None}]):
        assert json.loads(result(ctx, tools["echo"], v=value)) == {"v": value}
    assert json.loads(result(ctx, tools["echo"])) == {}


def test_null_for_what_may_be_left_out_is_left_out(connect):
    tools, ctx = connect(tool("echo", {"a": {"type": "string"}, "b": {"type": "integer"}}))

    assert json.loads(result(ctx, tools["echo"], a=None, b=3)) == {"b": 3}


def test_arguments_beside_the_named_are_passed_where_the_schema_says_so(connect):
    free = tool("echo", {"a": {"type": "string"}})
    free["inputSchema"]["additionalProperties"] = True
    tools, ctx = connect(free, tool("strict", {"a": {"type": "string"}}))

    assert json.loads(result(ctx, tools["echo"], a="x", z=[1])) == {"a": "x", "z": [1]}
    with pytest.raises(ArgumentError, match="Unknown arg"):
        result(ctx, tools["strict"], z=1)


def test_what_a_tool_says_failed_is_raised_with_its_words(connect):
    tools, ctx = connect(tool("fail", {"why": {"type": "string"}}))

    with pytest.raises(McpToolError, match="no paper"):
        result(ctx, tools["fail"], why="no paper")
    with pytest.raises(McpToolError, match=r"fail\(\) failed"):
        result(ctx, tools["fail"], why="")
    with pytest.raises(McpToolError) as caught:
        result(ctx, tools["fail"], why="x" * 9_000)
    assert len(str(caught.value)) < 2_100


def test_a_picture_is_a_picture(connect):
    tools, ctx = connect(tool("picture"), tool("mixed"))

    one = result(ctx, tools["picture"])
    assert isinstance(one, ImageResult)
    assert (one.media_type, one.width, one.height) == ("image/png", 1, 1)
    mixed = result(ctx, tools["mixed"])
    assert mixed[:2] == ["before", one]
    assert mixed[2].startswith(
        "after\ninside\n[file:///b, which is no text]\n[link: file:///c]\n"
        "[audio/wav, which cannot be shown]\n[A picture that cannot be shown: "
    )


def test_data_without_words_is_given_as_data(connect):
    tools, ctx = connect(tool("data"))

    assert result(ctx, tools["data"]) == {"a": [1, 2]}


def test_what_a_call_gives_is_bounded(connect):
    tools, ctx = connect(tool("big"), tool("many"), tool("odd"))

    big = result(ctx, tools["big"])
    assert big.endswith("x… (100,000 more characters)")
    assert len(result(ctx, tools["many"])) == 199
    with pytest.raises(McpError, match="gave no usable answer to odd"):
        result(ctx, tools["odd"])


@pytest.mark.slow
def test_a_call_that_takes_too_long_is_given_up_and_the_server_told(connect):
    tools, ctx = connect(tool("hang"), tool("cancelled"), timeout_s=5)

    with pytest.raises(McpError, match=r"'python[^']*' did not answer hang within 5 s"):
        result(ctx, tools["hang"])
    assert result(ctx, tools["cancelled"]) == "1"


def test_a_cancel_reaches_the_server(connect):
    tools, ctx = connect(tool("hang"), tool("cancelled"), tool("where"))
    node = ctx.invoke(tools["hang"], {})
    # What is asked after it is answered: the server has it.
    while node.view().started_at is None:
        node.watch(node.view().update_seqnum, timeout=0.05)
    result(ctx, tools["where"])

    node.cancel("enough")

    with pytest.raises(CancellationException, match="enough"):
        node.result(timeout=WAIT_S)
    assert result(ctx, tools["cancelled"]) == "1"


def test_many_calls_share_one_server_and_hold_no_threads(connect):
    tools, ctx = connect(tool("hang"), tool("where"))
    before = threading.active_count()
    hanging = [ctx.invoke(tools["hang"], {}) for _ in range(50)]

    shown = {result(ctx, tools["where"]) for _ in range(5)}

    assert len(shown) == 1
    assert threading.active_count() < before + 15
    for node in hanging:
        node.cancel()


def test_a_server_that_died_says_why_and_the_next_call_starts_it_again(connect):
    tools, ctx = connect(tool("die"), tool("where"))
    before = result(ctx, tools["where"])

    with pytest.raises(
        McpError, match=r"(?s)was lost during die.*connects anew.*out of paper"
    ) as caught:
        result(ctx, tools["die"])

    assert len(str(caught.value)) < 1_000
    assert result(ctx, tools["where"]) != before


def test_a_server_that_died_between_calls_is_started_again(connect):
    tools, ctx = connect(tool("where"))
    before = int(result(ctx, tools["where"]).split()[0])

    os.kill(before, 9)
    while is_alive(before):
        os.sched_yield()

    for _ in range(2):  # the first may still meet the old one on its way out
        try:
            after = result(ctx, tools["where"])
        except McpError:
            continue
        break
    assert int(after.split()[0]) != before


def test_calls_that_are_under_way_when_it_dies_are_told(connect):
    tools, ctx = connect(tool("hang"), tool("die"))
    hanging = [ctx.invoke(tools["hang"], {}) for _ in range(3)]
    ctx.invoke(tools["die"], {}).wait(timeout=WAIT_S)

    for node in hanging:
        with pytest.raises(McpError, match="was lost during hang"):
            node.result(timeout=WAIT_S)


def test_closing_ends_the_server_and_what_waits_for_it(connect):
    tools, ctx = connect(tool("hang"), tool("where"))
    pid = int(result(ctx, tools["where"]).split()[0])
    node = ctx.invoke(tools["hang"], {})
    with pytest.raises(TimeoutError):
        node.result(timeout=0.2)

    tools.close()
    tools.close()

    with pytest.raises(McpError, match=r"was (closed|lost) during hang"):
        node.result(timeout=WAIT_S)
    assert not is_alive(pid)
    with pytest.raises(McpError, match=r"was closed\. Open it again"):
        result(ctx, tools["where"])


def test_it_is_closed_at_the_end_of_a_with():
    with from_mcp(plain(tool("where"))) as tools, Runtime(list(tools)) as runtime:
        pid = int(result(runtime.get_ctx(), tools["where"]).split()[0])
        assert is_alive(pid)
        assert repr(tools).startswith("<McpTools 1 of MCP server 'python")

    assert not is_alive(pid)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
@pytest.mark.parametrize("end", ["closed", "died"])
def test_q69_what_a_server_started_ends_with_it(connect, end):
    tools, ctx = connect(tool("leave"), tool("die"))
    below = [os.pidfd_open(int(pid)) for pid in result(ctx, tools["leave"]).split()]

    if end == "died":
        with pytest.raises(McpError, match="was lost"):
            result(ctx, tools["die"])
        # Nobody knows any more whose the other was.
        signal.pidfd_send_signal(below[1], signal.SIGKILL)
    tools.close()

    for one in below:
        assert select.select([one], [], [], WAIT_S)[0], "it lives on"
        os.close(one)


def test_the_server_is_given_no_keys(connect, monkeypatch, tmp_path):
    monkeypatch.setenv("SOME_API_KEY", "hunter2")
    tools, ctx = connect(tool("env"), tool("where"), env={"MINE": "yes"}, cwd=tmp_path)

    seen = json.loads(result(ctx, tools["env"]))

    assert "SOME_API_KEY" not in seen
    assert (seen["MINE"], seen["PATH"]) == ("yes", os.environ["PATH"])
    assert result(ctx, tools["where"]).endswith(f" {tmp_path}")


def test_a_body_may_call_it_from_any_thread(connect):
    tools, _ = connect(tool("echo", {"n": {"type": "integer"}}))
    echo = tools["echo"]

    @function(uses=[echo])
    def fan(n: int) -> list[str]:
        nodes = [echo.start(n=i) for i in range(n)]
        return [node.result() for node in nodes]

    @function(uses=[echo])
    async def fan_async(n: int) -> list[str]:
        return await asyncio.gather(*(_wait(echo.start(n=i)) for i in range(n)))

    async def _wait(node):
        return await node

    expected = [json.dumps({"n": i}) for i in range(20)]
    with Runtime([fan, fan_async]) as runtime:
        for fn in (fan, fan_async):
            assert runtime.get_ctx().invoke(fn, {"n": 20}).result(timeout=WAIT_S) == expected


NAMES = {
    "plain": ("", "read", "read"),
    "dots": ("", "fs.read/all", "fs_read_all"),
    "a digit": ("", "3d", "_3d"),
    "a dash": ("", "a-b", "a-b"),
    "a dash first": ("", "-b", "_-b"),
    "prefix": ("fs_", "read", "fs_read"),
    "an odd prefix": ("fs: ", "read", "fs__read"),
    "letters of others": ("", "lösche", "l_sche"),
    "too long": ("", "x" * 100, "x" * 64),
    "a digit and too long": ("", "1" * 100, "_" + "1" * 63),
    "nothing": ("", "", "_"),
}


@pytest.mark.parametrize(("prefix", "name", "made"), NAMES.values(), ids=NAMES)
def test_names_are_made_fit(prefix, name, made):
    assert function_name(prefix, name) == made


def test_names_that_fall_together_are_refused():
    server = plain(tool("a.b"), tool("a b"), tool("c"))

    with pytest.raises(FunctionError, match=r"two tools that would be 'a_b': 'a\.b' and 'a b'"):
        from_mcp(server)
    with from_mcp(server, only=["a b", "c"], prefix="x_") as tools:
        assert [(t.name, t.tool_name) for t in tools] == [("x_a_b", "a b"), ("x_c", "c")]
    with pytest.raises(FunctionError, match="has no tool 'z'"):
        from_mcp(server, only=["c", "z"])


def test_arguments_that_fall_together_are_refused():
    for names in (["a-b", "a.b"], ["a-b", "a_b"], ["class", "class_"]):
        with pytest.raises(FunctionError, match="has two arguments that would be"):
            from_mcp(plain(tool("t", {n: {} for n in names})))


HOSTILE = {
    "large": tool("t", {"a": {"description": "x" * 60_000}}),
    "many": tool("t", {f"a{i}": {} for i in range(201)}),
    "no object": {"name": "t", "inputSchema": {"type": "object", "properties": [1]}},
    "no list": {"name": "t", "inputSchema": {"type": "object", "required": [{}]}},
    "no schema": {"name": "t"},
}


@pytest.mark.parametrize("made", HOSTILE.values(), ids=HOSTILE)
def test_schemas_are_bounded(made):
    with pytest.raises((FunctionError, McpError), match=r"too large, or none|no usable answer"):
        from_mcp(plain(made))


def test_descriptions_are_bounded_and_odd_ones_are_no_fault(connect):
    long = tool("long", {"a": {"type": "string", "description": "y" * 3_000}})
    long["description"] = "x" * 9_000
    bare = {"name": "bare", "inputSchema": {"type": "object", "required": ["a"]}}
    odd = tool("strange", {"a": {"type": {"x": 1}, "description": 7, "enum": "ab"}})

    tools, ctx = connect(long, bare, odd)

    assert len(tools["long"].desc) < 2_100
    assert len(tools["long"].args[0].desc) < 600
    assert (tools["bare"].desc, tools["bare"].args) == ("bare", [])
    assert tools["bare"].json_schema() == {"type": "object", "properties": {}, "required": []}
    assert json.loads(result(ctx, tools["strange"], a=[1])) == {"a": [1]}


def test_a_list_of_tools_without_end_is_refused():
    with pytest.raises(McpError, match="has more than 500 tools"):
        from_mcp(plain(*(tool(f"t{i}") for i in range(100)), mode="endless"))


def test_a_server_that_does_not_start_says_why():
    with pytest.raises(McpError, match=r"(?s)cannot be used: .*the disk is full"):
        from_mcp(plain(mode="broken"))
    with pytest.raises(McpError, match="cannot be used: FileNotFoundError"):
        from_mcp(["no-such-command-anywhere"])


def test_a_server_that_never_answers_is_given_up():
    with pytest.raises(McpError, match=r"cannot be used: "):
        from_mcp(plain(mode="mute"), connect_timeout_s=0.6)


WRONG = {
    "a command as text": ("python server.py", {}, "is no URL. Give a command as a list"),
    "nothing": ([], {}, "is a list of texts, and not empty"),
    "a null": (["a\0b"], {}, "is a list of texts"),
    "headers": (["x"], {"headers": {}}, "`headers` are for a server"),
    "env": ("http://127.0.0.1:9/", {"env": {}}, "`env` and `cwd` are for a server"),
}


@pytest.mark.parametrize(("server", "options", "why"), WRONG.values(), ids=WRONG)
def test_what_is_no_server_is_refused(server, options, why):
    with pytest.raises(FunctionError, match=why):
        from_mcp(server, **options)


@pytest.mark.slow
def test_a_server_of_the_sdk_over_a_pipe():
    with (
        from_mcp([sys.executable, SERVERS / "sdk.py"]) as tools,
        Runtime(list(tools)) as runtime,
    ):
        ctx = runtime.get_ctx()
        assert result(ctx, tools["add"], a=1) == "3"
        assert result(ctx, tools["add"], a=1, b=5) == "6"
        assert result(ctx, tools["join"], words=["a", "b"], sep=None) == "a b"
        assert tools["add"].desc == "Add two numbers."
        with pytest.raises(ArgumentError):
            result(ctx, tools["add"], a="x")


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Http:
    """A server of the SDK at a port."""

    def __init__(self, port):
        self.port = port
        self.process = subprocess.Popen(
            [sys.executable, SERVERS / "sdk.py", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in self.process.stderr:
            if "Uvicorn running" in line:
                break
        self._drain = threading.Thread(target=self.process.stderr.read)
        self._drain.start()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self._drain.join(WAIT_S)
        self.process.stderr.close()


@pytest.mark.slow
def test_a_server_of_the_sdk_over_http_and_its_loss():
    port = free_port()
    server = Http(port)
    url = f"http://someone:hunter2@127.0.0.1:{port}/mcp"
    try:
        with from_mcp(url, headers={"X-Key": "hunter3"}) as tools, Runtime(list(tools)) as runtime:
            ctx = runtime.get_ctx()
            assert result(ctx, tools["add"], a=1) == "3"
            before = result(ctx, tools["pid"])
            server.stop()

            with pytest.raises(McpError, match=f"MCP server at http://127.0.0.1:{port}") as caught:
                result(ctx, tools["add"], a=1)
            with pytest.raises(McpError, match="cannot be used"):
                result(ctx, tools["add"], a=1)
            assert "hunter" not in f"{caught.value} {tools!r} {vars(tools[0])}"

            server = Http(port)
            assert result(ctx, tools["add"], a=1) == "3"
            assert result(ctx, tools["pid"]) != before
    finally:
        server.stop()


@pytest.mark.slow
def test_without_the_sdk_it_says_what_to_install():
    code = (
        "import sys; sys.modules['mcp'] = None\n"
        "from netflux_nb.func_lib.mcp_func import from_mcp\n"
        "try:\n"
        "    from_mcp(['x'])\n"
        "except Exception as error:\n"
        "    print(error)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)

    assert done.stdout.strip() == (
        'MCP servers need the SDK, 2.0 or newer: pip install "netflux_nb[mcp]"'
    )


@pytest.mark.slow
def test_q82_a_tool_out_of_a_pickle_makes_a_connection_of_its_own(connect):
    tools, _ = connect(tool("echo", {"x": {"type": "integer"}}, ["x"]))

    again = pickle.loads(cloudpickle.dumps(tools["echo"]))

    assert version_of(again) == version_of(tools["echo"])
    with Runtime([again]) as runtime:
        assert json.loads(result(runtime.get_ctx(), again, x=1)) == {"x": 1}
    again.server.close()
