"""The study of lesson 05, in a file, so that a process of its own can run it and be killed."""

import os
import signal
import sys

from standins import titler

from netflux_nb import agent, function, use
from netflux_nb.testing import ScriptedModel


@function
def count(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


title = agent("title(text: str) -> str", "Give a title to: {text}", uses=[count], model="scripted")


@function(uses=[title, count])
def study(texts: list[str]) -> dict[str, int]:
    """Give every text a title, and count its words."""
    return {title(text=text): count(text=text) for text in texts}


def die() -> None:
    """Run the study, and be killed with the second question on its way."""
    asked = []

    def script(request):
        asked.append(request)
        if len(asked) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return titler(request)

    use(scripted=ScriptedModel(script))
    study(["snow melts and rivers rise", "yeast turns sugar into gas"])


if __name__ == "__main__" and "die" in sys.argv[1:]:
    die()
