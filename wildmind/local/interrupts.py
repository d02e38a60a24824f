"""Ctrl-C and TERM as something to ask about, so that they never cut a step in half."""

import signal
import time
from types import FrameType, TracebackType
from typing import Any, Self

from wildmind.local.problems import Stopped

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """The first signal asks for an orderly end, the second for the end at once."""

    def __init__(self) -> None:
        self._count = 0
        # Ctrl-C reaches the whole foreground group; TERM and HUP may be meant for this process alone.
        self.terminated = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for signum in _SIGNALS:
            self._before[signum] = signal.signal(signum, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    @property
    def requested(self) -> bool:
        return self._count > 0

    def hurried(self) -> bool:
        return self._count > 1

    def check(self) -> None:
        if self.requested:
            raise Stopped

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)
        self.check()

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        self._count += 1
        self.terminated = self.terminated or signum != signal.SIGINT
