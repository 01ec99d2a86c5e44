"""A run on a state that was cut off, and goes on: nothing is changed twice, nothing is lost."""

import contextlib
import random
import threading

import pytest

from netflux_nb import function, runs
from netflux_nb.core.contracts.declared import Contract
from netflux_nb.core.errors import ConflictError
from netflux_nb.state import plain, state
from netflux_nb.state.drafts import Draft


def flow_of(bank, fails):
    @function(writes=["accounts"])
    def move(n: int) -> int:
        bank.accounts["ann"] -= n
        bank.accounts["bob"] += n
        return bank.accounts["ann"]

    @function(uses=[move])
    def day() -> int:
        move(1)
        move(2)
        if fails:
            raise RuntimeError("cut off")
        move(4)
        return move(8)

    return day


def test_a_resume_in_the_same_kernel_does_not_change_twice():
    bank = state({"accounts": {"ann": 100, "bob": 0}}, name="bank")
    fails = [1]
    day = flow_of(bank, fails)
    with pytest.raises(RuntimeError):
        day()
    assert plain(bank.accounts) == {"ann": 97, "bob": 3}
    with pytest.raises(RuntimeError):
        runs.last.resume().result()
    assert plain(bank.accounts) == {"ann": 97, "bob": 3}
    fails.clear()
    assert runs.last.resume().result() == 85
    assert plain(bank.accounts) == {"ann": 85, "bob": 15}


def test_a_resume_in_another_kernel_changes_again_what_was_changed():
    bank = state({"accounts": {"ann": 100, "bob": 0}}, name="bank")
    fails = [1]
    with pytest.raises(RuntimeError):
        flow_of(bank, fails)()
    run = runs.last
    fails.clear()
    bank = state({"accounts": {"ann": 100, "bob": 0}}, name="bank")
    assert run.resume(flow_of(bank, fails)).result() == 85
    assert plain(bank.accounts) == {"ann": 85, "bob": 15}


def test_a_resume_on_another_state_runs_again_and_says_which_path():
    bank = state({"accounts": {"ann": 100, "bob": 0}}, name="bank")
    fails = [1]
    with pytest.raises(RuntimeError):
        flow_of(bank, fails)()
    run = runs.last
    fails.clear()
    bank = state({"accounts": {"ann": 50, "bob": 0}}, name="bank")
    again = run.resume(flow_of(bank, fails))
    assert again.result() == 35
    assert plain(bank.accounts) == {"ann": 35, "bob": 15}
    assert "accounts.ann" in str(again.served.live)


def test_a_fork_runs_on_the_state_of_then_and_leaves_that_of_now():
    bank = state({"accounts": {"ann": 100, "bob": 0}}, name="bank")

    @function(writes=["accounts"])
    def move(n: int) -> int:
        bank.accounts["ann"] -= n
        bank.accounts["bob"] += n
        return bank.accounts["ann"]

    @function(uses=[move])
    def day() -> list[int]:
        return [move(n=1), move(n=2), move(n=4)]

    assert day() == [99, 97, 93]
    run = runs.last
    with bank.edit() as s:
        s.accounts["ann"] = 5
    version = bank.version
    fork = run.fork("day/move[2]", args={"n": 20})
    assert fork.result() == [99, 79, 75]
    assert plain(bank.accounts) == {"ann": 5, "bob": 7}
    assert bank.version == version
    assert fork.replay().is_same
    again = fork.fork("day/move[3]", args={"n": 40})
    assert again.result() == [99, 79, 39]
    assert plain(bank.accounts) == {"ann": 5, "bob": 7}


def test_a_change_that_the_record_does_not_hold_is_made_by_running_again():
    key = "sk-ant-api03-" + "x9" * 20
    vault = state({"note": "", "n": 0}, name="vault")
    fails = [1]

    def program(vault):
        @function(writes=["note", "n"])
        def keeps() -> int:
            vault.note = f"found {key}"
            vault.n += 1
            return vault.n

        @function(uses=[keeps])
        def day() -> int:
            keeps()
            if fails:
                raise RuntimeError("cut off")
            return 1

        return day

    with pytest.raises(RuntimeError):
        program(vault)()
    run = runs.last
    fails.clear()
    vault = state({"note": "", "n": 0}, name="vault")
    again = run.resume(program(vault))
    assert again.result() == 1
    assert vault.value() == {"note": f"found {key}", "n": 1}
    assert "does not hold note" in str(again.served.live)


def tree_of(chance, depth):
    """Draw a tree of transactions: what each changes, and where it fails."""
    steps = []
    for _ in range(chance.randrange(1, 4)):
        kind = chance.random()
        if kind < 0.55 or depth == 0:
            steps.append(("add", chance.choice("abcd"), chance.randrange(1, 100)))
        else:
            steps.append(("call", tree_of(chance, depth - 1), chance.random() < 0.3))
    return steps


def model(values, steps):
    """Do a tree on a plain dict: a part that fails leaves it as it was."""
    for step in steps:
        if step[0] == "add":
            values[step[1]] = values.get(step[1], 0) * 3 + step[2]
        else:
            inner = dict(values)
            model(inner, step[1])
            if not step[2]:
                values.clear()
                values.update(inner)


class Falls(Exception):  # noqa: N818  part of a test
    pass


def program_of(bank):
    @function(writes=["values"], uses_recursion=True)
    def part(steps: list, fails: bool) -> int:
        for step in steps:
            if step[0] == "add":
                bank.values[step[1]] = bank.values.get(step[1], 0) * 3 + step[2]
            else:
                call = part.start(steps=step[1], fails=step[2])
                with contextlib.suppress(Falls):
                    call.result()
        if fails:
            raise Falls
        return len(bank.values)

    return part


@pytest.mark.parametrize("seed", range(40))
def test_a_random_tree_of_transactions_does_as_a_dict_does(seed):
    chance = random.Random(seed)
    bank = state({"values": {}}, name="bank")
    part = program_of(bank)
    steps, values = tree_of(chance, 3), {}
    model(values, steps)
    part(steps=steps, fails=False)
    assert plain(bank.values) == values
    assert runs.last.replay().is_same
    version = bank.version
    with pytest.raises(Falls):
        part(steps=steps, fails=True)
    assert plain(bank.values) == values
    assert bank.version == version


@pytest.mark.parametrize("seed", range(8))
def test_any_interleaving_is_as_the_order_of_the_commits(seed):
    chance = random.Random(seed)
    bank = state({"values": dict.fromkeys("abcd", 1)}, name="bank")

    @function(writes=["values"])
    def mixes(reads: str, writes: str, n: int) -> int:
        seen = bank.values[reads]
        pause.wait(chance.random() / 100)
        bank.values[writes] = seen * 2 + n
        return n

    pause = threading.Event()
    calls = [
        mixes.start(reads=chance.choice("abcd"), writes=chance.choice("abcd"), n=n)
        for n in range(12)
    ]
    done = {}
    for n, call in enumerate(calls):
        call.wait()
        error = call.view().exception
        assert error is None or isinstance(error, ConflictError)
        done[n] = error is None
    values = dict.fromkeys("abcd", 1)
    order = [commit for commit in bank.history() if commit.run]
    assert len(order) == sum(done.values())
    for commit in order:
        ((path, before, after),) = commit.delta
        inputs = next(c for c in calls if c.id == commit.run).view().inputs
        assert values[path[1]] == before
        values[path[1]] = values[inputs["reads"]] * 2 + inputs["n"]
        assert values[path[1]] == after
    assert plain(bank.values) == values


def orchestra(bank, fails):
    """Make a caller whose callee has no contract: each of the calls below counts by itself."""

    @function(writes=["n"])
    def adds(i: int) -> int:
        bank.n += i
        return bank.n

    @function(uses=[adds])
    def part(i: int) -> int:
        adds(i=i)
        if i == 3:
            raise Falls
        return adds(i=10 * i)

    @function(uses=[part])
    def day() -> int:
        part(i=1)
        with contextlib.suppress(Falls):
            part(i=3)
        if fails:
            raise RuntimeError("cut off")
        return part(i=5)

    return day


@pytest.mark.parametrize("is_same_kernel", [True, False])
def test_a_resume_changes_what_calls_below_one_without_a_contract_changed(is_same_kernel):
    fails = [1]
    bank = state({"n": 0}, name="bank")
    day = orchestra(bank, fails)
    with pytest.raises(RuntimeError):
        day()
    assert bank.n == 14
    run = runs.last
    fails.clear()
    if not is_same_kernel:
        bank = state({"n": 0}, name="bank")
        day = orchestra(bank, fails)
    again = run.resume(day)
    assert again.result() == 69
    assert bank.n == 69
    assert again.served.nodes == 3


def test_a_rerun_of_a_call_without_a_contract_looks_at_each_that_it_makes():
    bank = state({"n": 0}, name="bank")
    day = orchestra(bank, [])
    assert day() == 69
    run = runs.last
    again = run.rerun()
    assert again.result() == 138
    assert "what it called touched the state" in str(again.served)
    with bank.edit() as s:
        s.n = 0
    again = run.rerun()
    assert again.result() == 69
    assert bank.n == 69
    assert again.served.nodes == 5


class Caller:
    """A Node, as far as a draft knows one."""

    def __init__(self, draft):
        self.draft = draft
        self.cancel_reason = None


def ended_while(draft, look):
    """End a draft; while its end is told, somebody who has seen it looks."""
    seen = []

    def post(outcome, touched):
        thread = threading.Thread(target=lambda: seen.append(look()))
        thread.start()
        thread.join(0.2)
        return thread

    draft.settle(("success", None, None), post).join()
    return seen[0]


def test_who_sees_that_a_call_has_ended_sees_what_it_changed():
    bank = state({"n": 1}, name="bank")
    outer = Draft(bank._store, "outer()", Contract((), ("n",)))
    child = Draft(bank._store, "child()", Contract((), ("n",)), outer)
    child.write(("n",), 2)
    assert ended_while(child, lambda: outer.take(Caller(child)) or outer.read(("n",))) == 2
    assert ended_while(outer, lambda: (bank.value(), bank.version)) == ({"n": 2}, 1)
