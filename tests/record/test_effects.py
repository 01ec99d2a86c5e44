"""Nothing that is paid for begins before the disk knows of it."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from netflux_nb import ModelReply, ModelTextPart, Runtime, agent, function
from netflux_nb.core.errors import RecordError
from netflux_nb.record.journal import Journal
from netflux_nb.record.reading import check, files
from netflux_nb.testing import ScriptedModel


class Watched(Journal):
    """A journal that knows what was on the disk when."""

    def __init__(self, folder):
        super().__init__(folder)
        self.synced = []

    def _settle(self):
        super()._settle()
        # What the process runs on is looked at by another thread, at its own time.
        rows = (row["event"] for row in check(self.path).rows)
        self.synced.append([event for event in rows if event != "Environment"])


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
@pytest.mark.parametrize("kind", ["agent", "effect"])
def test_what_was_paid_for_is_written_before_a_body_goes_on(tmp_path, kind, is_async):
    busy = threading.Event()

    def write_for_a_while():
        # As the record's own thread does, while it waits for the disk.
        journal._write.acquire()
        busy.set()
        threading.Timer(0.2, journal._write.release).start()

    def act(request=None):
        thread = threading.Thread(target=write_for_a_while)
        thread.start()
        thread.join()
        assert busy.is_set()
        return "done"

    one = (
        function(effect="shell", name="one")(lambda: act())
        if kind == "effect"
        else agent("one()", "x", model="scripted")
    )
    seen = []

    @function(uses=[one], name="body")
    def sync() -> str:
        answer = one()
        seen.extend(row["event"] for row in check(journal.path).rows)
        return answer

    @function(uses=[one], name="body")
    async def later() -> str:
        answer = await one.start()
        seen.extend(row["event"] for row in check(journal.path).rows)
        return answer

    body = later if is_async else sync
    with (
        Journal(tmp_path) as journal,
        Runtime([body], models={"scripted": ScriptedModel(act)}, sink=journal) as runtime,
    ):
        assert runtime.get_ctx().invoke(body, {}).result(timeout=20) == "done"
    assert "NodeClosed" in seen


def test_nobody_waits_for_a_journal_that_is_closed(tmp_path):
    one = function(lambda: 1, name="one")
    with Journal(tmp_path) as journal, Runtime([one], sink=journal) as runtime:
        runtime.get_ctx().invoke(one, {}).result(timeout=20)
    told = []
    journal.written(told.append)
    journal.barrier(told.append)
    assert told == [None, None]


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


@pytest.mark.parametrize("kind", ["code", "async", "agent"])
def test_an_effect_that_cannot_be_recorded_is_not_begun(tmp_path, kind):
    done = []

    class Full(Journal):
        def _settle(self):
            raise OSError(28, "No space left on device")

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

    one = agent("act()", "x", model="scripted")
    act = {"code": sync, "async": later, "agent": one}[kind]
    with (
        Full(tmp_path) as journal,
        Runtime([act], models={"scripted": Model()}, sink=journal) as runtime,
    ):
        with pytest.raises(RecordError, match=r"No space left.*The effect was not begun"):
            runtime.get_ctx().invoke(act, {}).result(timeout=20)
        with pytest.raises(RecordError, match=r"Nothing new is begun"):
            runtime.get_ctx().invoke(act, {}).result(timeout=20)
    assert done == []


def test_a_file_that_ends_after_an_effect_is_followed_by_another(tmp_path):
    @function(effect="shell")
    def act(x: int) -> int:
        return x

    with Journal(tmp_path, rotate_bytes=2_000) as journal, Runtime([act], sink=journal) as runtime:
        for x in range(8):
            assert runtime.get_ctx().invoke(act, {"x": x}).result(timeout=20) == x
            assert journal.sync() is None
    assert len(files(tmp_path)) > 1
    assert all(check(path).is_sound for path in files(tmp_path))


class Door:
    """A lock that tells when so many wait for it."""

    def __init__(self, lock, many):
        self.lock, self.left, self.all = lock, many, threading.Event()
        self.release, self.locked = lock.release, lock.locked

    def acquire(self, blocking=True):
        return self.lock.acquire(blocking)

    def __enter__(self):
        self.left -= 1
        if not self.left:
            self.all.set()
        return self.lock.__enter__()

    def __exit__(self, *exc):
        return self.lock.__exit__(*exc)


def test_threads_that_wait_for_the_disk_share_one_sync(tmp_path):
    settled = []

    class Counted(Journal):
        def _settle(self):
            settled.append(1)
            super()._settle()

    @function
    def plain() -> int:
        return 1

    with Counted(tmp_path) as journal, Runtime([plain], sink=journal) as runtime:
        runtime.get_ctx().invoke(plain, {}).result()
        with ThreadPoolExecutor(8) as pool:
            with journal._write:
                journal._write, lock = Door(journal._write, 8), journal._write
                asked = [pool.submit(journal.sync) for _ in range(8)]
                assert journal._write.all.wait(20)
                settled.clear()
            assert [one.result(20) for one in asked] == [None] * 8
        journal._write = lock
        assert settled == [1]


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
