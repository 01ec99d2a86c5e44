"""The shell with real processes, through a real runtime."""

import os
import shutil
import socket
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from netflux_nb import CancellationException, NodeState, Provider, Runtime, agent, function
from netflux_nb.core.errors import FunctionError
from netflux_nb.core.functions.versions import version_of
from netflux_nb.func_lib import bash_func
from netflux_nb.func_lib._process.processes import members
from netflux_nb.func_lib._process.sessions import MOST_SESSIONS
from netflux_nb.func_lib.bash_func import bash
from netflux_nb.func_lib.shell import (
    Bash,
    BashCommandTimeoutException,
    BashException,
    BashNonZeroExitCodeException,
    BashRequiresRestartException,
    BashSession,
    BashSessionCrashedException,
)
from netflux_nb.testing import ScriptedModel, call

pytestmark = pytest.mark.skipif(os.name != "posix", reason="It needs POSIX processes.")


def can_be_apart():
    """Whether this system lets a user have namespaces; many containers do not."""
    asked = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--net"]
    with suppress(OSError):
        done = subprocess.run([*asked, "mount", "-t", "proc", "proc", "/proc"], capture_output=True)
        return done.returncode == 0
    return False


apart = pytest.mark.skipif(not can_be_apart(), reason="There are no user namespaces here.")


@pytest.fixture
def sh(agent_of):
    """Run commands as one agent."""
    with agent_of(bash) as caller:
        yield lambda command=None, **args: caller(
            bash, **({} if command is None else {"command": command}), **args
        )


@pytest.fixture
def fifo(tmp_path):
    """A pipe by which a command says that it has come so far."""
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def test_n216_the_arguments_are_the_seeds():
    assert bash.name == "bash"
    assert [a.name for a in bash.args] == ["command", "restart", "session_id", "timeout_sec"]
    assert not [a.name for a in bash.args if a.required]
    assert bash.effect == "shell"
    assert bash.is_async


def test_n216_the_later_module_has_the_same_names():
    assert bash_func.Bash is Bash
    assert bash_func.BashSession is BashSession
    assert Bash()._bag_key("a") != Bash()._bag_key("b")


def test_n216_its_version_is_whole_and_sees_its_settings():
    plain, shut = version_of(Bash()), version_of(Bash(network=False))

    assert plain.is_whole
    assert plain.digest != shut.digest


@pytest.mark.slow
def test_n166_n216_folder_variables_and_functions_stay(sh, tmp_path):
    sh(f"cd {tmp_path}; x=3; declare -A map=([a]=1); f() {{ echo f$1; }}; shopt -s nullglob")

    assert sh("pwd; echo $x ${map[a]}; f 2; shopt nullglob | cut -f2") == (
        f"{tmp_path}\n3 1\nf2\non\n"
    )


@pytest.mark.slow
def test_n216_another_session_and_a_restart_know_nothing(sh):
    sh("x=3")

    assert sh("echo [$x]", session_id="other") == "[]\n"
    assert "is new" in sh(restart=True, session_id="other")
    assert sh("echo [$x]") == "[3]\n"
    assert sh("echo [$x]", restart=True) == "[]\n"


@pytest.mark.slow
def test_n216_a_code_other_than_zero_is_an_error_with_the_output(sh):
    with pytest.raises(BashNonZeroExitCodeException, match=r"Exit code 3\.\nout\nerr") as caught:
        sh("x=1; echo out; echo err >&2; (exit 3)")

    assert (caught.value.exit_code, caught.value.output) == (3, "out\nerr\n")
    assert sh("echo $x") == "1\n"


@pytest.mark.slow
def test_n216_an_error_shows_both_ends_of_long_output(sh):
    with pytest.raises(BashNonZeroExitCodeException) as caught:
        sh("echo first; seq 5000; echo last; false")

    told = str(caught.value)
    assert len(told) < 2000
    assert "first" in told
    assert "last" in told
    assert "characters are left out" in told
    assert "\n2500\n" in caught.value.output


@pytest.mark.slow
def test_n216_after_a_time_out_a_restart_is_required(sh, is_gone):
    pid = int(sh("x=3; echo $$"))

    with pytest.raises(BashCommandTimeoutException, match=r"longer than 0\.5 s"):
        sh("echo before; sleep 1000", timeout_sec=0.5)

    assert is_gone(pid)
    with pytest.raises(BashRequiresRestartException, match="restart=true"):
        sh("echo")
    assert sh("echo [$x]", restart=True) == "[]\n"


@pytest.mark.slow
def test_n216_a_time_out_tells_what_was_written(sh):
    with pytest.raises(BashCommandTimeoutException, match=r"Output so far:\nbefore\n"):
        sh("echo before; sleep 1000", timeout_sec=4)


@pytest.mark.slow
def test_n216_a_session_that_is_killed_has_crashed(sh):
    with pytest.raises(BashSessionCrashedException, match="signal 9"):
        sh("kill -9 $$")
    with pytest.raises(BashRequiresRestartException):
        sh("echo")


@pytest.mark.slow
def test_n216_one_session_at_one_time_is_a_race(agent_of, fifo):
    with agent_of(bash) as caller:
        first = caller.start(bash, command=f"cat {fifo}")

        with pytest.raises(BashException, match=r"race: session 'default' .* session_id"):
            caller(bash, command="echo late")
        assert caller(bash, command="echo own", session_id="own") == "own\n"

        fifo.write_text("go\n")
        assert first.result(60) == "go\n"
        assert caller(bash, command="echo free") == "free\n"


@pytest.mark.slow
def test_nu35_a_short_race_waits(agent_of):
    with agent_of(bash) as caller:
        nodes = [caller.start(bash, command=f"sleep 0.1; echo {n}") for n in range(4)]

        assert [node.result(60) for node in nodes] == ["0\n", "1\n", "2\n", "3\n"]


@pytest.mark.slow
def test_n216_there_is_a_most_of_sessions(sh):
    for n in range(MOST_SESSIONS):
        sh(restart=True, session_id=str(n))

    with pytest.raises(BashException, match=f"There are {MOST_SESSIONS} sessions"):
        sh("echo", session_id="more")


MISUSE = {
    "nothing": ({}, "Give bash"),
    "no restart": ({"restart": False}, "Give bash"),
    "nul": ({"command": "echo a\0b"}, "Character 6 is NUL"),
    "half a character": ({"command": "echo \ud800"}, "half of a pair"),
    "endless": ({"command": "x" * 1_000_001}, "1,000,001 characters"),
    "no time": ({"command": "echo", "timeout_sec": 0}, "timeout_sec is 0"),
    "time that is no number": ({"command": "echo", "timeout_sec": float("nan")}, "is nan"),
    "too much time": ({"command": "echo", "timeout_sec": 1e9}, "up to 86,400"),
    "no name": ({"command": "echo", "session_id": ""}, "session_id has 0"),
    "a long name": ({"command": "echo", "session_id": "x" * 101}, "session_id has 101"),
}


@pytest.mark.parametrize(("args", "why"), MISUSE.values(), ids=MISUSE)
def test_n216_misuse_is_refused(agent_of, args, why):
    with agent_of(bash) as caller, pytest.raises(BashException, match=why):
        caller(bash, **args)


SETTINGS = {
    "root is no folder": ({"root": "/nowhere/at/all"}, "is no folder"),
    "root is everything": ({"root": "/"}, "bounds nothing"),
    "bounded to nothing": ({"bounded": True}, "needs a `root`"),
    "no processes": ({"max_processes": 0}, "max_processes is 0"),
    "half a megabyte": ({"max_memory_mb": 0.5}, r"max_memory_mb is 0\.5"),
    "no output": ({"max_output_chars": 1}, "max_output_chars is 1"),
}


@pytest.mark.parametrize(("given", "why"), SETTINGS.values(), ids=SETTINGS)
def test_n216_settings_that_make_no_sense_are_refused(given, why):
    with pytest.raises(FunctionError, match=why):
        Bash(**given)


SAID = {
    "heredoc": ("cat <<'E'\na $x\nb\nE", "a $x\nb\n"),
    "no end of line": ("printf a", "a"),
    "nothing": ("", ""),
    "a comment": ("echo a # b", "a\n"),
    "its input is empty": ("cat; read x || echo eof", "eof\n"),
    "crlf in the command": ("echo a\r\necho b\r\n", "a\nb\n"),
    "crlf in the output": (r"printf 'a\r\nb\r\n'", "a\nb\n"),
    "a progress bar": (r"printf '1\r2\n'", "1\r2\n"),
    "binary": (r"printf '\xff\xfe\x00a'", "\ufffd\ufffd\ufffda"),
    "utf-8": ("echo äß€😀", "äß€😀\n"),
    "a stray break": ("break", ""),
    "a stray continue": ("continue 2", ""),
    "output goes nowhere for one command": ("exec >/dev/null 2>&1; echo a", ""),
    "a job keeps the output open": ("sleep 1000 & echo a", "a\n"),
    "descriptors are shut": ("ls /proc/self/fd 2>/dev/null | grep -c 25", "0\n"),
    "a trap on every command": ("trap 'true' DEBUG; echo a; trap - DEBUG", "a\n"),
    "a false answer": ("(echo 5 >&254) 2>/dev/null; echo a", "a\n"),
    "tracing shows only the command": ("set -x; echo a", "++ echo a\na\n"),
    "xtrace again": ("set +x; echo a", "++ set +x\na\n"),
    "options that end scripts": ("set -uo pipefail; true", ""),
}


@pytest.mark.slow
def test_nu35_what_is_written_is_what_is_given(sh):
    for name, (command, said) in SAID.items():
        try:
            told = sh(command)
        except BashNonZeroExitCodeException as error:
            told = error.output
        if said is not None:
            assert told.replace("bash: line 1: ", "").endswith(said), name
            assert name.startswith(("break", "cont")) or told == said, name

    assert sh("echo end") == "end\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "broken", ["echo 'a", 'echo "a', "echo $(", "if true; then", "f() {", "a))"]
)
def test_nu35_what_is_not_complete_is_an_error_and_hangs_nothing(sh, broken):
    sh("x=3")

    with pytest.raises(BashNonZeroExitCodeException, match=r"Exit code [12]"):
        sh(broken, timeout_sec=60)

    assert sh("echo $x") == "3\n"


@pytest.mark.slow
def test_nu35_a_break_out_of_everything_ends_the_session(sh):
    assert "ended the session" in sh("break 9")


@pytest.mark.slow
def test_nu35_lines_in_errors_count_from_the_command(sh):
    sh("true")
    sh("true")

    with pytest.raises(
        BashNonZeroExitCodeException, match=r"bash: line 3: nope: command not found"
    ):
        sh("\n\nnope")


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", ["exit 3", "set -e; (exit 3); echo on", "exec bash -c 'exit 3'"]
)
def test_nu35_what_ends_the_session_is_told(sh, command):
    sh("x=1")

    with pytest.raises(
        BashNonZeroExitCodeException, match="ended the session, with code 3"
    ) as caught:
        sh(command)

    assert caught.value.exit_code == 3
    assert sh("echo [$x]") == "[]\n"


@pytest.mark.slow
def test_nu35_a_plain_exit_is_no_error_but_told(sh):
    assert "ended the session, with code 0" in sh("echo bye; exit")


@pytest.mark.slow
def test_nu35_set_e_holds_for_one_command(sh):
    sh("x=1; set -e; true")

    with pytest.raises(BashNonZeroExitCodeException):
        sh("false")
    assert sh("echo $x") == "1\n"


@pytest.mark.slow
def test_nu35_noexec_is_hinted_at(sh):
    with pytest.raises(BashCommandTimeoutException, match="After `set -n`"):
        sh("set -n", timeout_sec=0.5)


@pytest.mark.slow
def test_nu35_output_is_cut_in_the_middle(agent_of):
    short = Bash(max_output_chars=1000)

    with agent_of(short) as caller:
        told = caller(short, command="seq 10000")

    assert told.startswith("1\n2\n")
    assert told.endswith("9999\n10000\n")
    assert "[… 47,894 characters are left out here …]" in told
    assert len(told) < 1100


@pytest.mark.slow
def test_nu35_endless_output_is_ended(sh, is_gone):
    pid = int(sh("echo $$"))

    with pytest.raises(BashSessionCrashedException, match="wrote without end"):
        sh("yes")

    assert is_gone(pid)


@pytest.mark.slow
def test_nu35_a_job_that_writes_for_ever_does_not_hold_up_commands(sh):
    sh("while echo y; do sleep 0.001; done &")

    assert "here\n" in sh("sleep 0.05; echo here")
    assert "there\n" in sh("echo there; kill $!; wait")
    assert sh("echo end") == "end\n"


KEYS = {
    "MY_API_KEY": "1",
    "GITHUB_TOKEN": "1",
    "gitlab_token": "1",
    "DB_PASSWORD": "1",
    "CLIENT_SECRET": "1",
    "AWS_PROFILE": "1",
    "SSH_AUTH_SOCK": "/run/x",
    "DATABASE_URL": "postgres://me:pw@host/db",
    "HARMLESS": "sk-ant-12345678",
    "PROMPT_COMMAND": "echo pwned",
    "BASH_FUNC_ls%%": "() { echo pwned; }",
    "SHELLOPTS": "xtrace",
    "BASHOPTS": "extdebug",
}


@pytest.mark.slow
def test_nu35_the_environment_has_no_keys_and_no_foreign_code(agent_of, monkeypatch, tmp_path):
    (tmp_path / "rc").write_text("echo pwned\n")
    for name, value in {**KEYS, "BASH_ENV": f"{tmp_path}/rc", "ENV": f"{tmp_path}/rc"}.items():
        monkeypatch.setenv(name, value)
    given = Bash(env={"GIVEN_TOKEN": "on purpose"})

    with agent_of(given) as caller:
        told = caller(given, command="env; ls -d /; bash -c 'ls -d /'")

    names = {line.partition("=")[0] for line in told.splitlines()}
    assert not names & {*KEYS, "BASH_ENV", "ENV"}
    assert "pwned" not in told
    assert "GIVEN_TOKEN=on purpose" in told
    assert {"PATH", "HOME"} <= names


@pytest.mark.slow
def test_nu36_a_session_ends_with_its_agent(agent_of, is_gone):
    with agent_of(bash) as caller:
        pid = int(
            caller(bash, command="sleep 1000 & setsid sleep 1000 & set -m; sleep 1000 & echo $$")
        )
        assert len(members(pid)) == 4
        inner = members(pid)

    assert is_gone(pid)
    assert not [one for one in inner if members(one)]


@pytest.mark.slow
def test_nu36_it_ends_though_the_tree_goes_on(is_gone):
    pids = []

    @function(uses=[bash])
    def worker(ctx) -> str:
        return ctx.invoke(bash, {"command": "echo $$"}).result()

    @function(uses=[worker])
    def boss(ctx) -> bool:
        pids.append(int(ctx.invoke(worker, {}).result()))
        return is_gone(pids[0])

    with Runtime([boss]) as runtime:
        assert runtime.get_ctx().invoke(boss, {}).result()


@pytest.mark.slow
def test_nu36_a_job_outlives_its_command_but_not_the_agent(agent_of, is_gone):
    with agent_of(bash) as caller:
        pid = int(caller(bash, command="sleep 1000 >/dev/null 2>&1 & echo $!"))

        assert caller(bash, command=f"kill -0 {pid} && echo alive") == "alive\n"

    assert is_gone(pid)


@pytest.mark.slow
def test_n216_a_root_has_a_session_for_the_call(is_gone):
    with Runtime([bash]) as runtime:
        pid = runtime.get_ctx().invoke(bash, {"command": "echo $$"}).result(60)

    assert is_gone(int(pid))


@pytest.mark.slow
def test_nw19_a_cancel_kills_all_of_it_at_once(agent_of, fifo, is_gone):
    with agent_of(bash) as caller:
        node = caller.start(
            bash, command=f"(sleep 1000 & sleep 1000) & echo $$ >{fifo}; sleep 1000"
        )
        pid = int(fifo.read_text())

        node.cancel("enough")

        with pytest.raises(CancellationException, match="enough"):
            node.result(60)
        assert is_gone(pid)


@pytest.mark.slow
def test_nw19_a_cancel_while_it_waits_for_its_turn_leaves_the_other_alone(agent_of, fifo):
    with agent_of(bash) as caller:
        first = caller.start(bash, command=f"cat {fifo}")
        second = caller.start(bash, command="echo never")
        tick = threading.Event()
        while second.state is not NodeState.Running:
            tick.wait(0.01)
        second.cancel()

        with pytest.raises(CancellationException):
            second.result(60)
        fifo.write_text("go\n")
        assert first.result(60) == "go\n"


@pytest.mark.slow
def test_nw19_after_a_cancel_a_session_starts_anew(agent_of, fifo):
    with agent_of(bash) as caller:
        node = caller.start(bash, command=f"x=3; echo >{fifo}; sleep 1000")
        fifo.read_text()
        node.cancel()
        node.wait(60)

        with pytest.raises(BashRequiresRestartException):
            caller(bash, command="echo [$x]")
        assert caller(bash, command="echo [$x]", restart=True) == "[]\n"


@pytest.mark.slow
def test_nw19_a_runtime_that_closes_leaves_nothing(fifo, is_gone):
    with Runtime([bash]) as runtime:
        runtime.get_ctx().invoke(bash, {"command": f"echo $$ >{fifo}; sleep 1000"})
        pid = int(fifo.read_text())

    assert is_gone(pid)


@pytest.mark.slow
def test_n216_what_grows_wild_is_ended(agent_of, is_gone):
    small = Bash(max_processes=30)

    with agent_of(small) as caller:
        pid = int(caller(small, command="echo $$"))
        with pytest.raises(BashSessionCrashedException, match="more than 30 processes"):
            # A fork bomb that grows by addition, so that a fault here harms nobody.
            caller(small, command="grow() { sleep 30 & sleep 0.005; grow; }; grow")

    assert is_gone(pid)


@pytest.mark.slow
def test_n216_memory_has_an_end(agent_of):
    small = Bash(max_memory_mb=200)

    with agent_of(small) as caller:
        with pytest.raises(BashNonZeroExitCodeException, match=r"(?i)memory|allocate"):
            caller(small, command="head -c 1000000000 /dev/zero | tail")
        assert caller(small, command="echo fine") == "fine\n"


@pytest.fixture
def server():
    """A server on this machine that says hello to whoever comes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        over = threading.Event()

        def serve():
            while not over.is_set():
                with suppress(OSError), listening.accept()[0] as one:
                    one.sendall(b"hello\n")

        thread = threading.Thread(target=serve)
        thread.start()
        port = listening.getsockname()[1]
        yield port
        over.set()
        socket.create_connection(("127.0.0.1", port)).close()
        thread.join()


@apart
@pytest.mark.slow
def test_n216_without_a_network_nobody_is_reached(agent_of, server):
    open_, shut = Bash(), Bash("shut", network=False)
    command = f"cat </dev/tcp/127.0.0.1/{server}"

    with agent_of(open_, shut) as caller:
        assert caller(open_, command=command) == "hello\n"
        with pytest.raises(BashNonZeroExitCodeException, match=r"(?i)refused|unreachable"):
            caller(shut, command=command)
        assert caller(shut, command="id -u") == f"{os.getuid()}\n"


@pytest.fixture
def poor_path(tmp_path):
    """A system without `unshare`."""
    (tmp_path / "bin").mkdir()
    for name in ("bash", "ls"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    return {"PATH": str(tmp_path / "bin")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "why"),
    [({"network": False}, r"network=False needs"), ({"bounded": True}, r"bounded=True needs")],
)
def test_n216_walls_that_cannot_be_had_are_refused(agent_of, tmp_path, poor_path, given, why):
    walled = Bash(root=tmp_path, env=poor_path, **given)

    with agent_of(walled) as caller, pytest.raises(BashException, match=why) as caught:
        caller(walled, command="echo out")

    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_n216_a_root_that_cannot_be_bounded_is_where_it_starts(agent_of, tmp_path, poor_path):
    rooted = Bash(root=tmp_path, env=poor_path)

    with agent_of(rooted) as caller:
        assert caller(rooted, command="pwd; ls -d /proc/1") == f"{tmp_path}\n/proc/1\n"


@pytest.fixture
def cage(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/mine").write_text("mine\n")
    (tmp_path / "secret").write_text("secret\n")
    (tmp_path / "in/link").symlink_to(tmp_path / "secret")
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown/it").write_text("shown\n")
    return tmp_path


ESCAPES = {
    "a path": "cat {cage}/secret",
    "dots": "cat ../secret",
    "a link": "cat link",
    "the old root": "cat /.old{cage}/secret || cat /proc/1/root/.old{cage}/secret",
    "the first process": "cat /proc/1/root{cage}/secret",
    "our environment": "cat /proc/{pid}/environ",
    "our process": "kill -0 {pid}",
    "another mount": "mount --bind / /mnt",
    "a mount that is writable again": "mount -o remount,bind,rw /usr && touch /usr/{pid}",
    "the system": "touch /usr/escaped-{pid} || touch /etc/escaped-{pid}",
    "what is shown": "touch {cage}/shown/new || rm {cage}/shown/it",
    "unmounting": "umount /usr || umount {cage}/in",
    "another namespace": "nsenter -t 1 -m cat {cage}/secret",
    "a namespace more": "unshare -rm sh -c 'umount -l /usr /etc {cage}/in; cat {cage}/secret'",
    "a device": "mknod /dev/disk b 254 0 && cat /dev/disk",
    "kernel settings": "test -w /proc/sys/kernel/core_pattern || test -w /proc/sysrq-trigger",
}


@apart
@pytest.mark.slow
def test_n216_a_bounded_shell_stays_in_its_folder(agent_of, cage):
    bounded = Bash(root=cage / "in", bounded=True, readable=[cage / "shown"])
    # It has a `/tmp` of its own.
    outside = Path("/tmp") / f"outside-{os.urandom(6).hex()}"

    with agent_of(bounded) as caller:
        for name, command in ESCAPES.items():
            with pytest.raises(BashNonZeroExitCodeException) as caught:
                caller(bounded, command=command.format(cage=cage, pid=os.getpid()))
            assert "secret\n" not in caught.value.output, name
        told = caller(
            bounded, command=f"cat mine {cage}/shown/it; echo new >mine; touch made {outside}"
        )
        procs = caller(bounded, command="ls -d /proc/[0-9]* | wc -l")

    assert told == "mine\nshown\n"
    assert int(procs) < 6
    assert (cage / "in/mine").read_text() == "new\n"
    assert (cage / "in/made").exists()
    assert not outside.exists()
    assert sorted(p.name for p in cage.iterdir()) == ["in", "secret", "shown"]


@apart
@pytest.mark.slow
def test_nu36_a_bounded_shell_takes_its_daemons_along(agent_of, cage, is_gone):
    bounded = Bash(root=cage / "in", bounded=True)
    daemon = "setsid sh -c 'sleep 1000.5 & sleep 1000.5' >/dev/null 2>&1 &"

    with agent_of(bounded) as caller:
        caller(bounded, command=f"({daemon}) & wait; until pgrep -f '^sleep 1000.5'; do :; done")
        assert running("sleep\x001000.5")

    tick = threading.Event()
    assert any(not running("sleep\x001000.5") or tick.wait(0.02) for _ in range(3000))


def running(words):
    found = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found += [one] if words in one.read_text(errors="replace") else []
    return found


@pytest.mark.slow
def test_n216_a_model_uses_it():
    worker = agent("worker() -> str", "Work", uses=[bash])
    model = ScriptedModel(
        [
            call("bash", command="x=5; cd /"),
            call("bash", command="echo $x in $PWD"),
            call("bash", command="nope"),
            "done",
        ]
    )

    with Runtime([worker], models={Provider.Anthropic: model}) as runtime:
        assert runtime.get_ctx().invoke(worker, {}).result(60) == "done"

    results = [r.parts[-1] for r in model.requests[1:]]
    assert results[1].outputs == "5 in /\n"
    assert results[2].is_error
    assert results[2].outputs.startswith("BashNonZeroExitCodeException: Exit code 127.")
