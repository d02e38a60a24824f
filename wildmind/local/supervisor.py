"""Keeps programs running: starts them again when they end, and ends them in order."""

import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wildmind.local.console import Console
from wildmind.local.folder import Folder
from wildmind.local.interrupts import Interrupts
from wildmind.local.problems import LocalProblem
from wildmind.local.processes import Command, kill_group, spawn, tell, wait_until

TICK_SECONDS = 0.1
_FIRST_DELAY, _LONGEST_DELAY, _HEALTHY_AFTER = 0.5, 10.0, 30.0
_PATIENCE_SECONDS = 8.0
_LOG_TAIL = 8


@dataclass
class _Child:
    command: Command
    process: subprocess.Popen[bytes]
    started_at: float
    pump: threading.Thread | None = None
    delay: float = _FIRST_DELAY
    restart_at: float | None = None
    once: bool = False

    @property
    def running(self) -> bool:
        return self.process.poll() is None


@dataclass
class Supervisor:
    folder: Folder
    console: Console
    interrupts: Interrupts
    _children: dict[str, _Child] = field(default_factory=dict)

    def start(self, command: Command) -> None:
        self._children[command.name] = self._spawn(command, _FIRST_DELAY)

    def await_answer(self, name: str, answers: Callable[[], bool], *, seconds: float) -> None:
        """Until a service just started takes requests; one that ends instead is a problem."""
        child = self._children[name]

        def settled() -> bool:
            self.interrupts.check()
            return not child.running or answers()

        if wait_until(settled, seconds=seconds) and child.running:
            return
        how = "does not answer" if child.running else f"ended with {_ending(child.process.returncode)}"
        raise LocalProblem(f"{name} {how}. Its log says:\n{_tail(child.command.log)}")

    def run_to_end(self, command: Command) -> int:
        """A step of the start, watched like the rest and ended by Ctrl-C."""
        child = self._spawn(command, _FIRST_DELAY)
        child.once = True
        self._children[command.name] = child
        while child.running:
            self.interrupts.pause(TICK_SECONDS)
            self.tick()
        del self._children[command.name]
        if child.pump:
            child.pump.join(timeout=1)
        return child.process.returncode

    def tick(self) -> None:
        """Look after every child once. Call it often."""
        for child in list(self._children.values()):
            if not child.running and not child.once:
                self._look_after(child)

    def stop(self, *phases: Sequence[str]) -> None:
        """End the children: phase by phase, the ones within a phase told in order and waited for together."""
        for names in phases:
            known = [child for name in names if (child := self._children.pop(name, None))]
            children = [child for child in known if child.running]
            for child in children:
                tell(child.process.pid, child.command.stop_signal)
            self._wait_for(children)
            for child in children:
                # Whatever the leader has left behind in its group goes too.
                kill_group(child.process.pid)
                child.process.wait()

    def _wait_for(self, children: list[_Child]) -> None:
        ended = wait_until(
            lambda: not any(child.running for child in children),
            seconds=_PATIENCE_SECONDS,
            hurried=self.interrupts.hurried,
        )
        if not ended:
            names = ", ".join(child.command.name for child in children if child.running)
            self.console.say(f"{names}: killed, it did not end in time")

    def _look_after(self, child: _Child) -> None:
        now = time.monotonic()
        if child.restart_at is None:
            lived = now - child.started_at
            child.delay = _FIRST_DELAY if lived >= _HEALTHY_AFTER else child.delay
            child.restart_at = now + child.delay
            self.console.say(
                f"{child.command.name} ended with {_ending(child.process.returncode)}; "
                f"starting it again in {child.delay:g} s"
            )
            kill_group(child.process.pid)
        elif now >= child.restart_at:
            self._children[child.command.name] = self._spawn(child.command, min(child.delay * 2, _LONGEST_DELAY))

    def _spawn(self, command: Command, delay: float) -> _Child:
        process = spawn(command)
        self.folder.record(command.name, process.pid, command.stop_signal)
        pump = self.console.pump(command.name, process.stdout) if process.stdout else None
        return _Child(command, process, time.monotonic(), pump, delay)


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {-code}"


def _tail(log: Path | None) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log else []
    return "\n".join(lines[-_LOG_TAIL:]) or "(nothing)"
