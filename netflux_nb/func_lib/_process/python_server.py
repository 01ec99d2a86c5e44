"""The server in the child process of `python`: reads code, runs it, answers on a descriptor.

It is started by its path, so it knows nothing of this package.
"""

from __future__ import annotations

import ast
import builtins
import linecache
import os
import sys
import traceback
import types
from collections.abc import Iterator
from types import TracebackType
from typing import Any

# Read at once; a text ends with a NUL, which no code can hold.
CHUNK = 65_536


def texts(source: int) -> Iterator[str]:
    """Give each text that is fed, until nobody feeds any more."""
    held = b""
    while data := os.read(source, CHUNK):
        *whole, held = (held + data).split(b"\0")
        for one in whole:
            yield one.decode("utf-8")


def run(code: str, name: str, space: dict[str, Any]) -> None:
    """Run code; show the value of its last expression, as a notebook does."""
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    tree = ast.parse(code, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), space)  # noqa: S102  it is what this process is for
    if isinstance(last, ast.Expr):
        shown = compile(ast.Expression(last.value), name, "eval")
        sys.displayhook(eval(shown, space))  # noqa: S307  as above


def below(error: BaseException, name: str) -> TracebackType | None:
    """Give the traceback from the first frame of the user's code on."""
    tb = error.__traceback__
    while tb is not None and tb.tb_frame.f_code.co_filename != name:
        tb = tb.tb_next
    return tb


def outcome(code: str, name: str, space: dict[str, Any]) -> str:
    """Run code and say how it ended: a code, or `exit` and a code."""
    try:
        run(code, name, space)
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return f"exit {error.code or 0}"
        sys.stderr.write(f"{error.code}\n")
        return "exit 1"
    except BaseException as error:  # noqa: BLE001  whatever it is, it is the user's
        traceback.print_exception(type(error), error, below(error, name), limit=-50)
        return "1"
    return "0"


def flush() -> None:
    """Write out what is held; the streams may be the user's own by now."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: BLE001  a stream of the user's may raise anything
            continue


def serve(answers: int) -> None:
    """Run each text that comes on the standard input."""
    source = os.dup(0)
    with open(os.devnull) as nothing:  # noqa: PTH123  nothing more is loaded here than needed
        os.dup2(nothing.fileno(), 0)
    os.set_inheritable(answers, False)
    main = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = main
    sys.argv[:] = [""]
    said, fed = "0", texts(source)
    for count, word in enumerate(fed, 1):
        os.write(answers, f"{word} {said}\n".encode("ascii"))
        code = next(fed, None)
        if code is None:
            break
        said = outcome(code, f"<code {count}>", main.__dict__)
        flush()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
