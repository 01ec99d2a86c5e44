"""An MCP server by hand, so that it may do what no SDK would let it do."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

TOOLS = json.loads(sys.argv[1])
MODE = sys.argv[2] if len(sys.argv) > 2 else ""
# One pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)
cancelled = []


def send(**message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def text(words):
    return {"content": [{"type": "text", "text": words}]}


def call(name, args):
    """Give the result of a call, or None where there is no answer yet."""
    match name:
        case "hang":
            return None
        case "die":
            sys.stderr.write("noise\n" * 100 + "out of paper\n")
            sys.stderr.flush()
            os._exit(3)
        case "fail":
            return {**text(args.get("why", "")), "isError": True}
        case "env":
            return text(json.dumps(dict(os.environ)))
        case "leave":  # a child in its session, and one that has left it
            options = {"stdin": -3, "stdout": -3, "stderr": -3}
            child = subprocess.Popen(["sleep", "1000"], **options)
            other = subprocess.Popen(["sleep", "1000"], start_new_session=True, **options)
            return text(f"{child.pid} {other.pid}")
        case "where":
            return text(f"{os.getpid()} {Path.cwd()}")
        case "cancelled":
            return text(str(len(cancelled)))
        case "big":
            return text("x" * 200_000)
        case "data":
            return {"content": [], "structuredContent": {"a": [1, 2]}}
        case "nothing":
            return {"content": []}
        case "picture":
            return {"content": [picture(PNG)]}
        case "mixed":
            return {
                "content": [
                    {"type": "text", "text": "before"},
                    picture(PNG),
                    {"type": "text", "text": "after"},
                    {"type": "resource", "resource": {"uri": "file:///a", "text": "inside"}},
                    {"type": "resource", "resource": {"uri": "file:///b", "blob": "eA=="}},
                    {"type": "resource_link", "uri": "file:///c", "name": "link"},
                    {"type": "audio", "data": "eA==", "mimeType": "audio/wav"},
                    picture(b"no picture"),
                    {"type": "image", "data": "?", "mimeType": "image/png"},
                ]
            }
        case "many":
            return {"content": [{"type": "text", "text": "x"}] * 1_000}
        case "odd":
            return {"content": "no list"}
        case _:
            return text(json.dumps(args))


def picture(data):
    return {"type": "image", "data": base64.b64encode(data).decode(), "mimeType": "image/png"}


def answer(message):
    method, number = message.get("method"), message.get("id")
    params = message.get("params") or {}
    if method == "notifications/cancelled":
        cancelled.append(params)
    elif method == "initialize":
        if MODE == "mute":
            return
        send(
            id=number,
            result={
                "protocolVersion": params["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "plain", "version": "1"},
            },
        )
    elif method == "tools/list":
        listed = {"tools": TOOLS}
        if MODE == "endless":
            listed["nextCursor"] = "more"
        send(id=number, result=listed)
    elif method == "tools/call":
        result = call(params["name"], params.get("arguments") or {})
        if result is not None:
            send(id=number, result=result)
    elif number is not None and MODE != "mute":
        send(id=number, error={"code": -32601, "message": "no such method"})


if MODE == "broken":
    sys.exit("cannot start: the disk is full")
for line in sys.stdin:
    answer(json.loads(line))
