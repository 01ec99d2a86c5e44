"""■ in real kernels: sync and `await` cells, an idle kernel, a second press (P2)."""

import re
import time

import pytest
from kernels import INSTALL, PYTHONS, Kernel

# Far less than what is waited for takes by itself, and more than a busy machine does.
AT_ONCE_S = 30

DEFINE = (
    INSTALL
    + """
import asyncio, sys, threading
from netflux_nb import agent, function, runs, session
from netflux_nb.runtime.threads.interrupts import Interrupted

def tell_when_it_waits():
    # Nothing tells a front end that a cell waits now, and no more begins something.
    while sys._current_frames()[threading.main_thread().ident].f_code.co_name != "take":
        threading.Event().wait(0.01)
    print("waits", flush=True)

@function
def cooperative(ctx, n: int = 0) -> int:
    print("begun", flush=True)
    while not ctx.cancel_event.wait(5):
        pass
    ctx.check()

@function
def deaf(ctx) -> int:
    print("begun", flush=True)
    ctx.cancel_event.wait()
    print("asked", flush=True)
    threading.Event().wait(100)
    return 1

@function
def quick(n: int) -> int:
    return n

@function(uses=[cooperative, quick])
def top() -> int:
    quick(1)
    return cooperative()
"""
)


@pytest.fixture(scope="module", params=PYTHONS, ids=lambda p: p.split("/")[-3])
def shared(request, tmp_path_factory):
    kernel = Kernel(request.param, NETFLUX_HOME=str(tmp_path_factory.mktemp("store")))
    kernel.run(DEFINE)
    yield kernel
    kernel.close()


@pytest.fixture
def kernel(shared):
    yield shared
    shared.run("for root in session.roots():\n    root.cancel()")
    shared.late = ""


# The loop turns once a cell awaits. Before that, a press ends the cell and stops no run.
AWAITS = "asyncio.get_running_loop().call_later(0.1, lambda: print('awaits', flush=True))\n"


def begun(kernel, code):
    does_await = "await " in code
    cell = kernel.begin(AWAITS + code if does_await else code)
    kernel.until(cell, lambda: "begun" in kernel.late)
    kernel.until(cell, lambda: not does_await or "awaits" in kernel.late)
    return cell


def pressed(kernel, cell):
    """Press ■ and say how long the cell took to end."""
    at = time.monotonic()
    kernel.stop()
    kernel.end(cell)
    return time.monotonic() - at


@pytest.mark.slow
def test_p2_a_press_stops_the_tree_that_a_cell_waits_for(kernel):
    cell = begun(kernel, "top()")

    took = pressed(kernel, cell)

    assert took < AT_ONCE_S
    assert cell.error["ename"] == "Interrupted"
    first, second = cell.error["traceback"]
    assert first.startswith("Interrupted at top/cooperative. 1 of 3 calls had ended")
    assert second.startswith("`%nf resume ")
    states = kernel.run("print(*[v.state.value for _, v in runs.last.view().walk()])").text
    assert states == "Canceled Success Canceled\n"


@pytest.mark.slow
def test_p2_no_other_tree_is_stopped(kernel):
    kernel.run("other = cooperative.start(n=1)")
    cell = begun(kernel, "top()")
    kernel.until(cell, lambda: kernel.late.count("begun") == 2)

    pressed(kernel, cell)

    assert kernel.run("print(other.state.value)").text.endswith("Running\n")


@pytest.mark.slow
def test_p2_what_was_stopped_goes_on(kernel):
    kernel.run(
        "waits = True\n@function\ndef half(ctx) -> int:\n    quick(2)\n    print('begun', flush=True)\n"
        "    while waits and not ctx.cancel_event.wait(0.05):\n        pass\n    ctx.check()\n    return 7\n"
        "half.uses_funcs = [quick]"
    )
    cell = begun(kernel, "half()")
    pressed(kernel, cell)

    cell = kernel.run("waits = False\nprint(runs.last.resume().result())")

    assert cell.text.endswith("7\n")


@pytest.mark.slow
def test_a_press_is_a_keyboard_interrupt(kernel):
    cell = begun(
        kernel,
        "try:\n    top()\nexcept KeyboardInterrupt as stop:\n    print(type(stop).__name__, stop.at)",
    )

    pressed(kernel, cell)

    assert cell.error is None
    assert cell.text.endswith("Interrupted top/cooperative\n")


@pytest.mark.slow
def test_a_press_stops_a_background_run_that_is_waited_for(kernel):
    kernel.run("run = top.start()")
    cell = kernel.begin("threading.Thread(target=tell_when_it_waits).start()\nrun.result()")
    kernel.until(cell, lambda: "waits" in kernel.late)

    pressed(kernel, cell)

    assert cell.error["ename"] == "Interrupted"
    assert kernel.run("print(run.state.value)").text.endswith("Canceled\n")


@pytest.mark.slow
@pytest.mark.parametrize("code", ["deaf()", "await deaf.start()"])
def test_p2_a_second_press_lets_go(kernel, code):
    cell = begun(kernel, code)
    kernel.stop()
    kernel.until(cell, lambda: "asked" in kernel.late)
    assert not cell.is_idle

    took = pressed(kernel, cell)

    assert took < AT_ONCE_S
    assert "goes on stopping in the background" in "".join(cell.error["traceback"])
    assert kernel.run("print(runs.last.state.value)").text.endswith("Running\n")


@pytest.mark.slow
def test_p2_a_press_stops_what_a_cell_awaits(kernel):
    cell = begun(kernel, "await top.start()")

    took = pressed(kernel, cell)

    assert took < AT_ONCE_S
    assert cell.error["ename"] == "Interrupted"
    assert cell.error["traceback"][0].startswith("Interrupted at top/cooperative.")
    assert kernel.run("print(runs.last.state.value)").text.endswith("Canceled\n")


@pytest.mark.slow
def test_p2_a_press_stops_all_that_a_cell_gathers(kernel):
    cell = begun(kernel, "a, b = top.start(), cooperative.start(n=3)\nawait asyncio.gather(a, b)")
    kernel.until(cell, lambda: kernel.late.count("begun") == 2)

    pressed(kernel, cell)

    assert cell.error is not None
    assert kernel.run("print(a.state.value, b.state.value)").text.endswith("Canceled Canceled\n")
    # Of the two, whichever is heard first is named.
    assert re.search(r"Interrupted at (top/)?cooperative\b", kernel.late)


@pytest.mark.slow
def test_giving_up_a_wait_stops_nothing(kernel):
    cell = begun(
        kernel,
        "run = top.start()\ntry:\n    await asyncio.wait_for(run, 0.2)\n"
        "except asyncio.TimeoutError:\n    print(run.state.value)",
    )

    kernel.end(cell)

    assert cell.text.endswith("Running\n")


@pytest.mark.slow
def test_p2_a_press_in_an_idle_kernel_stops_and_lists_all(kernel):
    cell = begun(kernel, "run, other = top.start(), cooperative.start(n=2)")
    kernel.until(cell, lambda: kernel.late.count("begun") == 2 and cell.is_idle)
    kernel.late = ""

    kernel.stop()

    kernel.until(cell, lambda: kernel.late.count("%nf resume") == 2)
    assert "Interrupted at top/cooperative." in kernel.late
    states = kernel.run("print(run.state.value, other.state.value)").text
    assert states == "Canceled Canceled\n"


@pytest.mark.slow
def test_p2_a_second_press_in_an_idle_kernel_lets_go(kernel):
    cell = begun(kernel, "run = deaf.start()")
    kernel.until(cell, lambda: cell.is_idle)
    kernel.stop()
    kernel.until(cell, lambda: "asked" in kernel.late)

    kernel.stop()

    kernel.until(cell, lambda: "go on stopping in the background" in kernel.late)


@pytest.mark.slow
def test_a_press_breaks_an_idle_kernel_as_before_once_it_is_uninstalled(kernel):
    kernel.run("notebook_front.uninstall()")
    cell = begun(kernel, "run = cooperative.start()")
    kernel.until(cell, lambda: cell.is_idle)
    kernel.stop()

    assert kernel.run("print(run.state.value)").text.endswith("Running\n")
    kernel.run("notebook_front.install(get_ipython())")
