"""Transactions with an outbox that are killed: a child is forked for each line that is read.

A line is JSON: what to do, and the folder. A child says its process, then what came of it.
"""

import json
import os
import sys
import time
import traceback
from pathlib import Path

import duckdb  # noqa: F401  paid once

from netflux_nb import function, runs, state
from netflux_nb.core.errors import NetfluxError, NoNodeError
from netflux_nb.runtime.threads.waiting import asking_below
from netflux_nb.session import here

PAYS, MAILS = 3, 3


def program(folder):
    bank = state({"n": 0, "paid": {}}, name="bank")
    path = str(Path(folder) / "sent.txt")

    @function(effect="files")
    def mail(n: int) -> str:
        """Write a line into a file that only grows."""
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(fd, f"{n}\n".encode())
        os.close(fd)
        time.sleep(0.005)
        return "sent"

    @function(writes=["n", "paid"], uses=[mail])
    def pay(nth: int) -> int:
        for at in range(MAILS):
            bank.after(mail, n=nth * 10 + at)
        bank.n += 1
        bank.paid[f"p{nth}"] = bank.n
        return bank.n

    @function(uses=[pay])
    def day() -> list[int]:
        return [pay(nth=nth) for nth in range(PAYS)]

    return bank, pay, day


def answered(run, answer):
    """Wait for a run, and give all its questions the same answer. Say how many there were."""
    asked = 0
    while not run.is_done:
        for node in asking_below(run.root):
            run.runtime.answer(node, answer, by="the test")
            asked += 1
        time.sleep(0.001)
    return asked


def act(order):
    here.begin()
    here.configure(store=str(Path(order["folder"]) / "store"))
    bank, pay, day = program(order["folder"])
    do = order["do"]
    if do == "roots":
        for nth in range(PAYS):
            pay(nth=nth)
        return "whole"
    if do == "tree":
        day()
        return "whole"
    if do == "resume":
        return answered(runs[order["run"]].resume(day), False)
    if do == "release":
        try:
            return [[row.state, str(row)] for row in bank.outbox().release()]
        except NoNodeError as error:
            return str(error)
    if do == "replay":
        said = []
        for run in list(runs):
            try:
                replayed = run.replay()
                said.append([run.fn, run.view().state.name, replayed.is_same, replayed.first])
            except NetfluxError as error:
                said.append([run.fn, "", False, str(error)])
        return said
    return [[row.state, json.loads(row.inputs)["n"], row.run] for row in bank.outbox()]


def say(told):
    """Say a line at once, or not at all, whenever it is killed."""
    os.write(1, f"{json.dumps(told)}\n".encode())


def main():
    for text in sys.stdin:
        pids = []
        for order in json.loads(text):
            pid = os.fork()
            if pid == 0:
                try:
                    say({"result": act(order)})
                except BaseException:  # noqa: BLE001  the child says why, whatever it is
                    traceback.print_exc()
                finally:
                    sys.stdout.flush()
                    os._exit(0)
            pids.append(pid)
        say({"pids": pids})
        for pid in pids:
            os.waitpid(pid, 0)
        say({"ended": pids})


if __name__ == "__main__":
    main()
