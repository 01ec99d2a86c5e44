"""The main job, without a key: a study is killed, goes on, is replayed, forked and compared."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from .. import Run, Runtime, runs, use
from ..core.messages import ModelRequest
from ..show import diffs, text
from ..testing import ScriptedModel
from .survey import TEXTS, answer, survey

# The child is killed with this request on its way.
KILLED_AT = 7


def main() -> None:
    """Run it all, each step under a heading."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NETFLUX_HOME"] = str(Path(folder) / "record")
        print("No key is needed: a script stands in for the model.")
        _head("A study runs in a process of its own, which is killed with `kill -9`")
        code = subprocess.run(
            [sys.executable, "-m", "netflux_nb.demos", "child"], check=False
        ).returncode
        cut = runs.last
        paid = len(cut.calls_df)
        print(f"The process ended with {code}. What it did is on the disk: {paid} answers.")

        _head("It goes on where it stopped")
        asked: list[ModelRequest] = []
        use(runtime := _runtime(asked))
        done = cut.resume(survey)
        _watched(done)
        print(f"\n{len(asked)} requests were live; {paid} answers came from the record.")
        print("\nMoney\n" + str(done.bill()))

        _head("Replayed with no provider at all")
        print(done.replay(survey))

        _head("Forked: the last text is summarised with another prompt")
        asked.clear()
        fork = done.node("survey/summarise[3]").fork(prompt="In one word: the text called {name}")
        fork.wait()
        print(f"{len(asked)} requests were live. What differs:\n")
        print(diffs.text(done.diff(fork)))
        runtime.close()


def _head(words: str) -> None:
    print(f"\n── {words}")


def _runtime(asked: list[ModelRequest]) -> Runtime:
    def script(request: ModelRequest) -> object:
        asked.append(request)
        return answer(request)

    model = ScriptedModel(script, latency_s=0.02)
    return Runtime([survey], models={"scripted": model}, is_open=True)


def _watched(run: Run) -> None:
    seen = 0
    while not (view := run.watch(seen)).is_done:  # type: ignore[union-attr]
        seen = view.update_seqnum  # type: ignore[union-attr]
    print(text.tree(run.view()))


def child() -> None:
    """Run the study, and die in the middle of it."""
    asked: list[ModelRequest] = []

    def script(request: ModelRequest) -> object:
        asked.append(request)
        if len(asked) == KILLED_AT:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer(request)

    model = ScriptedModel(script, latency_s=0.02)
    with Runtime([survey], models={"scripted": model}) as runtime:
        runtime.get_ctx().invoke(survey, {"names": list(TEXTS)}).wait()


if __name__ == "__main__":
    child() if "child" in sys.argv[1:] else main()
