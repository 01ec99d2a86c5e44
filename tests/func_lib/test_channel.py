"""What a session runs cannot answer for it (Q64)."""

import shutil
import sys
import textwrap

import pytest

from netflux_nb import Runtime
from netflux_nb.func_lib.python_func import Python
from netflux_nb.func_lib.shell import (
    Bash,
    BashCommandTimeoutException,
    BashException,
    BashSessionCrashedException,
)

WAIT_S = 60
LOST = (BashSessionCrashedException, BashCommandTimeoutException)
MARK = "the real output"


def walls(tmp_path):
    """Give a shell without walls, and one within where this system has them."""
    return [Bash(timeout_s=3), Bash(root=tmp_path, timeout_s=3)]


def told(shell, *commands):
    """Run commands in one session, one after the other, and give what each came to."""
    from netflux_nb import function

    came = []

    @function(uses=[shell])
    def agent() -> int:
        """Run them."""
        for command in commands:
            try:
                came.append(shell(command=command))
            except BashException as error:
                came.append(error)
        return len(came)

    with Runtime([agent, shell]) as runtime:
        runtime.get_ctx().invoke(agent, {}).result(timeout=WAIT_S)
    return came


# Each tries to have the next command answered with 0 and an output of its own. What it leaves
# behind begins once the next command has made the file `go`.
WRITE = "printf '0\\n0 0\\n' "
# What bash keeps of its own while a command runs: the way in as $1, the way out as $2.
COPIES = "set -- $(for n in $(seq 3 30); do [ -S /proc/$$/fd/$n ] && echo $n; done); "
BEHIND = "(until [ -e go ]; do sleep 0.01; done; {do}; touch gone) >/dev/null 2>&1 &"
EACH = "for n in $(seq 3 30) $(seq 240 255); do {do}; done"
ATTACKS = {
    "what a child inherited": EACH.format(do=f'sh -c "{WRITE} >&$n" 2>/dev/null'),
    "what bash holds, through /proc": EACH.format(do=f"{{ {WRITE} >/proc/$$/fd/$n; }} 2>/dev/null"),
    "what a parent holds, through /proc": EACH.format(
        do=f'sh -c "{WRITE} >/proc/\\$PPID/fd/$n" 2>/dev/null'
    ),
    "a child left behind, through /proc": BEHIND.format(
        do=EACH.format(do=f"{{ {WRITE} >/proc/$$/fd/$n; }}")
    ),
    "a subshell left behind, with copies": BEHIND.format(do=EACH.format(do=f"{{ {WRITE} >&$n; }}")),
    "a subshell that reads what bash is fed": BEHIND.format(
        do="read -r -t 1 -d '' -u $1 word; printf '%s 0\\n' \"$word\" >&$2"
    ),
    "a printf of its own": "printf() { builtin printf '0\\n' >&254; }; read() { return 1; }",
}
NEXT = f"touch go; for n in $(seq 100); do [ -e gone ] && break; sleep 0.01; done; echo {MARK}; (exit 7)"


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("place", [0, 1], ids=["open", "within walls"])
def test_q64_no_command_answers_for_the_next(tmp_path, attack, place):
    shell = walls(tmp_path)[place]
    first = f"cd {tmp_path}; {COPIES} {ATTACKS[attack]}"

    before, after = told(shell, first, NEXT)

    # It comes to what it is, or the session is killed and that is said. Never to a 0.
    ends = [e for e in (before, after) if isinstance(e, LOST)]
    if not ends:
        assert isinstance(after, BashException), after
        assert after.exit_code == 7
        assert MARK in after.output


def test_q64_a_subshell_that_knows_the_word_is_not_who_answers(tmp_path):
    # In one command: it reads the word that is sent behind it, and answers in bash's place.
    steal = f"{COPIES} (read -r -d '' -u $1 word; printf '%s 0\\n' \"$word\" >&$2); (exit 7)"

    (came,) = told(Bash(), steal)

    assert isinstance(came, BashException)
    assert "own channel" in str(came)


def test_q64_bash_answers_with_its_own_words_whatever_a_command_defines(tmp_path):
    first, second = told(Bash(), "printf() { echo no; }; read() { :; }; set() { :; }", "echo yes")

    assert first == ""
    assert second == "yes\n"


def test_q64_a_session_whose_channel_was_written_to_is_started_again(tmp_path):
    shell = Bash()
    came = told(shell, f"{COPIES} printf 'x 0\\n' >&$2", "echo no", "echo yes")

    assert isinstance(came[0], BashSessionCrashedException)
    assert "own channel" in str(came[0])
    assert "restart" in str(came[1])


FORK = textwrap.dedent("""
    import os, stat
    if os.fork() == 0:
        for fd in range(3, 64):
            try:
                if stat.S_ISSOCK(os.fstat(fd).st_mode):
                    os.write(fd, b"0\\n")
            except OSError:
                pass
        os._exit(0)
    os.wait()
    raise ValueError("the real error")
""")


def test_q64_a_forked_child_does_not_answer_for_python():
    from netflux_nb import function

    python = Python()

    @function(uses=[python])
    def agent() -> str:
        """Run it."""
        return python(code=FORK)

    with Runtime([agent, python]) as runtime:
        node = runtime.get_ctx().invoke(agent, {})
        node.wait(timeout=WAIT_S)

        assert "own channel" in str(node.exception) or "the real error" in str(node.exception)


STEAL = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
there = os.getppid()
pidfd = libc.syscall(434, there, 0)
for fd in [*range(3, 30), *range(240, 256)]:
    mine = libc.syscall(438, pidfd, fd, 0)
    if mine >= 0:
        try:
            os.write(mine, b"0\\n")
        except OSError:
            pass
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="pidfd_getfd is Linux's")
def test_q64_a_program_that_takes_descriptors_out_of_bash_is_not_who_answers(tmp_path):
    (tmp_path / "steal.py").write_text(STEAL)
    python = shutil.which("python3") or sys.executable

    (came,) = told(Bash(), f"{python} {tmp_path}/steal.py; (exit 7)")

    assert isinstance(came, BashException)
    assert getattr(came, "exit_code", 7) == 7
