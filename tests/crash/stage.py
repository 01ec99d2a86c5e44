"""A program that is killed: it forks one child a line that it reads, so that imports are paid once.

A line is JSON: what to do ("run" or "resume"), the folder, and the server's address.
"""

import json
import os
import sys
import traceback
from pathlib import Path

import anthropic

from netflux_nb import Runtime, agent, as_completed, function, gather
from netflux_nb.record.journal import Journal
from netflux_nb.replay.begin import resume
from netflux_nb.replay.recording import Recording

NAMES = [f"text {i}" for i in range(6)]
notes = {"path": ""}


@function
def measure(name: str) -> int:
    """Measure a text."""
    return len(name)


@function(effect="files")
def note(name: str) -> str:
    """Write a name into a file that only grows."""
    fd = os.open(notes["path"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, f"{name}\n".encode())
    os.close(fd)
    return "noted"


look = agent("look(name: str)", "Look at {name}", uses=[measure, note], model="anthropic:wire")


@function(uses=[look, note])
def study(names: list[str]) -> list[str]:
    """Look at all texts, one half as they end, the other in order."""
    note(name="begin")
    half = len(names) // 2
    first = sorted(
        node.result() for node in as_completed(*(look.start(name=n) for n in names[:half]))
    )
    note(name="middle")
    return first + gather(*(look.start(name=n) for n in names[half:]))


def approve(runtime, root):
    """Let effects be done again of which nobody knows whether they were done."""
    seen = 0
    while not root.is_done:
        view = root.watch(seen, timeout=30)
        seen = view.update_seqnum
        stack = [root]
        while stack:
            one = stack.pop()
            stack.extend(list(one.children))
            if one.held is not None and one.held.answer is None:
                runtime.answer(one, True, by="the test")


def say(told):
    """Say a line at once, or not at all, whenever it is killed."""
    os.write(1, f"{json.dumps(told)}\n".encode())


def act(order):
    notes["path"] = str(Path(order["folder"]) / "notes.txt")
    client = lambda: anthropic.AsyncAnthropic(api_key="none", base_url=order["url"], max_retries=0)  # noqa: E731
    store = Path(order["folder"]) / "store"
    with (
        Journal(store) as journal,
        Runtime([study], client_factories={"anthropic": client}, sink=journal) as runtime,
    ):
        if order["do"] == "run":
            root = runtime.invoke(None, study, {"names": NAMES})
        else:
            root = resume(runtime, Recording(store, order["run"]), study)
            approve(runtime, root)
        say({"result": root.result(timeout=60)})


def main():
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                act(json.loads(line))
            except BaseException:  # noqa: BLE001  the child says why, whatever it is
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(0)
        say({"pid": pid})
        os.waitpid(pid, 0)
        say({"ended": pid})


if __name__ == "__main__":
    main()
