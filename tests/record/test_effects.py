"""Nothing that is paid for begins before the disk knows of it."""

import asyncio
import threading

import pytest

from netflux_nb import ModelReply, ModelTextPart, Runtime, agent, function
from netflux_nb.core.errors import RecordError
from netflux_nb.record.journal import Journal
from netflux_nb.record.reading import check


class Watched(Journal):
    """A journal that knows what was on the disk when."""

    def __init__(self, folder):
        super().__init__(folder)
        self.synced = []

    def barrier(self, done):
        def tell(error):
            # What the process runs on is looked at by another thread, at its own time.
            rows = (row["event"] for row in check(self.path).rows)
            self.synced.append([event for event in rows if event != "Environment"])
            done(error)

        super().barrier(tell)


def test_a_request_is_on_the_disk_before_it_is_sent(tmp_path):
    known = []

    class Model:
        async def reply(self, request, emit):
            known.append(list(journal.synced))
            return ModelReply(parts=(ModelTextPart("x"),))

    one = agent("one()", "x", model="scripted")
    with (
        Watched(tmp_path) as journal,
        Runtime([one], models={"scripted": Model()}, sink=journal) as runtime,
    ):
        assert runtime.get_ctx().invoke(one, {}).result(timeout=20) == "x"
    ((before,),) = known
    assert before[-1] == "RequestStarted"


@pytest.mark.parametrize("is_async", [False, True])
def test_an_effect_is_on_the_disk_before_it_begins(tmp_path, is_async):
    known = []

    @function(effect="shell", name="act")
    def sync() -> int:
        known.append(list(journal.synced))
        return 1

    @function(effect="shell", name="act")
    async def later() -> int:
        known.append(list(journal.synced))
        await asyncio.sleep(0)
        return 1

    act = later if is_async else sync
    with Watched(tmp_path) as journal, Runtime([act], sink=journal) as runtime:
        assert runtime.get_ctx().invoke(act, {}).result(timeout=20) == 1
    ((before,),) = known
    assert before[-1] == "EffectStarted"


def test_code_without_an_effect_waits_for_no_disk(tmp_path):
    @function
    def plain() -> int:
        return 1

    with Watched(tmp_path) as journal, Runtime([plain], sink=journal) as runtime:
        runtime.get_ctx().invoke(plain, {}).result()
        assert journal.synced == []


@pytest.mark.parametrize("is_async", [False, True])
def test_an_effect_that_cannot_be_recorded_is_not_begun(tmp_path, is_async):
    done = []

    class Full(Journal):
        def barrier(self, tell):
            tell(OSError(28, "No space left on device"))

        def close(self):
            self.abandon()

    @function(effect="shell", name="act")
    def sync() -> int:
        done.append(1)

    @function(effect="shell", name="act")
    async def later() -> int:
        done.append(1)

    class Model:
        async def reply(self, request, emit):
            done.append(1)

    act = later if is_async else sync
    one = agent("one()", "x", model="scripted")
    with (
        Full(tmp_path) as journal,
        Runtime([act, one], models={"scripted": Model()}, sink=journal) as runtime,
    ):
        for fn in (act, one):
            with pytest.raises(RecordError, match=r"No space left.*The effect was not begun"):
                runtime.get_ctx().invoke(fn, {}).result(timeout=20)
    assert done == []


def test_two_hundred_agents_share_few_syncs(tmp_path):
    count, lock = [0], threading.Lock()

    class Counted(Journal):
        def barrier(self, done):
            with lock:
                count[0] += 1
            super().barrier(done)

    class Model:
        async def reply(self, request, emit):
            return ModelReply(parts=(ModelTextPart("x"),))

    one = agent("one()", "x", model="scripted")
    with (
        Counted(tmp_path) as journal,
        Runtime([one], models={"scripted": Model()}, sink=journal) as runtime,
    ):
        nodes = [runtime.get_ctx().invoke(one, {}) for _ in range(200)]
        assert all(n.result(timeout=30) == "x" for n in nodes)
    assert count[0] == 401  # before each request, at the end of each run, and the last
    assert check(journal.path).is_sound
