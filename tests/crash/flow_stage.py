"""A workflow that is killed: a child is forked for each line that is read, so imports are paid once.

A line is JSON: "run", or "resume" with a run, and the folder.
"""

import json
import os
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from netflux_nb import Runtime, function, state, workflow
from netflux_nb.record.journal import Journal
from netflux_nb.replay.begin import replay, resume
from netflux_nb.replay.recording import Recording
from netflux_nb.session import here


@dataclass
class Till:
    n: int = 0
    paid: dict[str, int] = field(default_factory=dict)
    sig_full: bool = False
    cmd_close: bool = False


def line(folder, name):
    """Write a line into a file that only grows."""
    fd = os.open(Path(folder) / "done.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, f"{name}\n".encode())
    os.close(fd)


def day_of(till):
    @function(writes=["n", "paid", "sig_full"])
    def deposit(folder: str) -> int:
        line(folder, f"deposit {till.n + 1}")
        time.sleep(0.002)
        till.n += 1
        till.paid[f"p{till.n}"] = till.n
        if till.n >= 4:
            till.sig_full = True
        return till.n

    @function(reads=["n"], writes=["cmd_close"])
    def check(deposit: int) -> int:
        time.sleep(0.002)
        till.cmd_close = True
        if till.n < 6:
            raise ValueError("too few")
        return deposit

    @function(effect="mail", idempotent=True)
    def mail(folder: str, deposit: int) -> str:
        line(folder, f"mail {deposit}")
        time.sleep(0.002)
        return "sent"

    @function(reads=["n", "paid"])
    def close() -> list[int]:
        return [till.n, sum(till.paid.values())]

    return workflow(
        {
            "states": {
                "OPEN": {"entry": "deposit", "on": {"FULL": "COUNT", "EVT_SUCCESS": "WAIT"}},
                "WAIT": {"entry": "mail", "on": {"EVT_SUCCESS": "OPEN"}},
                "COUNT": {
                    "entry": ["check", "mail"],
                    "on": {"CMD_CLOSE": "CLOSED", "EVT_FAIL": "OPEN", "EVT_SUCCESS": "OPEN"},
                },
                "CLOSED": {"entry": "close"},
            }
        },
        functions=[deposit, check, mail, close],
        name="day",
    )


def act(order):
    store = Path(order["folder"]) / "store"
    till = state(Till(), name="till")
    day = day_of(till)
    with Journal(store) as journal, Runtime([day], sink=journal) as runtime:
        if order["do"] == "replay":
            done = replay(Recording(store, order["run"]), day)
            say({"result": [done.is_same, len(done.diff.changed), len(till.signals())]})
            return
        if order["do"] == "run":
            root = runtime.invoke(None, day, {"folder": order["folder"]})
        else:
            root = resume(runtime, Recording(store, order["run"]), day)
        done = root.result(timeout=60)
        sent = [[one.path, one.by] for one in till.signals()]
        say({"result": [done.end, [r["state"] for r in done.history], done.results["close"], sent]})


def say(told):
    """Say a line at once, or not at all, whenever it is killed."""
    os.write(1, f"{json.dumps(told)}\n".encode())


def main():
    here.begin()
    for text in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                act(json.loads(text))
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
