"""Starting, recognising and ending processes."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wildmind.local.accounts import Account

_LEASH = Path(__file__).with_name("leash.py")
_TICK = 0.02


@dataclass(frozen=True)
class Identity:
    """A process, not to be mistaken for a later one that was given the same number."""

    pid: int
    started: str


@dataclass(frozen=True)
class Command:
    """A program to keep running. Without `log` its output is shown line by line."""

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(repr=False)
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    log: Path | None = None


def identify(pid: int) -> Identity | None:
    """None when no such process runs; one that has ended but was not waited for does not run."""
    if sys.platform == "linux":
        return _identify_linux(pid)
    return _identify_ps(pid)


def _identify_linux(pid: int) -> Identity | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # Field 2 is the program's name in brackets and may hold anything: count from its end (proc(5)).
    state, *rest = text.rpartition(")")[2].split()
    return None if state in {"Z", "X"} else Identity(pid, rest[18])


def _identify_ps(pid: int) -> Identity | None:
    answer = subprocess.run(  # noqa: S603 - a fixed program and a number
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C"},
    )
    state, _, started = answer.stdout.strip().partition(" ")
    if answer.returncode or not started or state.startswith("Z"):
        return None
    return Identity(pid, started.strip())


def is_running(identity: Identity) -> bool:
    return identify(identity.pid) == identity


def leashed(argv: tuple[str, ...], *, account: Account | None, death_signal: int) -> list[str]:
    """The argument list that runs `argv` as `account`, told by `death_signal` when this process is killed."""
    who = f"{account.uid}:{account.gid}" if account else "-"
    return [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), str(int(death_signal)), who, *argv]


def spawn(command: Command) -> subprocess.Popen[bytes]:
    """Call from the main thread: the kernel's death signal follows the thread that forked."""
    argv = leashed(command.argv, account=command.account, death_signal=command.stop_signal)
    if command.log is None:
        return _popen(argv, command, subprocess.PIPE)
    with command.log.open("ab") as log:
        return _popen(argv, command, log.fileno())


def _popen(argv: list[str], command: Command, output: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own programs, no shell
        argv,
        cwd=command.cwd,
        env=dict(command.env),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def wait_until(condition: Callable[[], bool], *, seconds: float, hurried: Callable[[], bool] = lambda: False) -> bool:
    """False when the time is up, or at once when `hurried` says so."""
    deadline = time.monotonic() + seconds
    while not condition():
        if hurried() or time.monotonic() >= deadline:
            return False
        time.sleep(_TICK)
    return True


def tell(pid: int, signum: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signum)


def kill_group(pid: int) -> None:
    # macOS answers EPERM for a group of which only zombies are left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def end_stranger(identity: Identity, *, signum: signal.Signals, patience: float) -> None:
    """End a process that an earlier supervisor left behind, and its group."""
    if not is_running(identity):
        return
    tell(identity.pid, signum)
    wait_until(lambda: not is_running(identity), seconds=patience)
    kill_group(identity.pid)
    wait_until(lambda: not is_running(identity), seconds=2)
