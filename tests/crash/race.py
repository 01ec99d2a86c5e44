"""A process in a race for one record: it writes and packs, or deletes and clears up.

The first line that it reads is JSON: the folder, the role, a number. It goes on until its
input ends, and says in lines what it has done once that is done.
"""

import json
import os
import random
import select
import sys
from pathlib import Path

from netflux_nb import Runtime, function, gather
from netflux_nb.record import retention
from netflux_nb.record.journal import Journal

# Runs in one file.
RUNS = 5
# What is younger is not cleared up. A run names what it puts in far less.
YOUNG_S = 4.0
# A text that is large enough for a file of its own.
TIMES = 20_000


@function
def double(x: int) -> int:
    """Double."""
    return 2 * x


@function
def much(word: str) -> str:
    """Give a large text."""
    return word * TIMES


@function(uses=[double, much])
def work(number: int, word: str) -> dict:
    """Fan out, and give a value that says whose it is."""
    total = sum(gather(*(double.start(x=i) for i in range(5))))
    return {"number": number, "text": much(word=word)[: len(word)], "total": total}


def say(**told):
    """Say a line at once, or not at all."""
    os.write(1, f"{json.dumps(told)}\n".encode())


def is_over():
    return bool(select.select([sys.stdin], [], [], 0)[0])


def write(folder, who):
    """Write runs, a few to a file, and pack what nobody writes after each file."""
    number = 0
    packed = 0
    while not is_over():
        with Journal(folder) as journal, Runtime([work], sink=journal) as runtime:
            for _ in range(RUNS):
                number += 1
                # One text in three is the other writer's too.
                word = f"shared-{number}" if number % 3 == 0 else f"{who}-{number}"
                node = runtime.invoke(None, work, {"number": number, "word": word})
                node.wait(timeout=60)
                say(run=runtime.run_name(node), word=word, number=number)
        packed += len(retention.compact(folder))
    say(packed=packed)


def clean(folder, seed):
    """Delete the runs that are asked for, and clear up now and then."""
    chance = random.Random(seed)
    freed = cleared = 0
    for line in sys.stdin:
        retention.delete(folder, json.loads(line)["delete"])
        say(deleted=json.loads(line)["delete"])
        if chance.random() < 0.3:
            freed += retention.gc(folder, young_s=YOUNG_S)
            cleared += 1
    say(freed=freed, cleared=cleared)


def main():
    told = json.loads(sys.stdin.readline())
    folder = Path(told["folder"])
    say(ready=True)
    {"write": write, "clean": clean}[told["role"]](folder, told["number"])


main()
