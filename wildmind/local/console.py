"""Lines on the terminal, each with the coloured name of who says it."""

import os
import sys
import threading
from collections.abc import Mapping
from typing import IO, TextIO

_COLOURS = {"web": "36", "worker": "32", "scheduler": "35", "prepare": "33", "wildmind": "34"}
_WIDTH = max(len(name) for name in _COLOURS)


class Console:
    """Whole lines only: several pump threads write at the same time."""

    def __init__(self, *, stream: TextIO | None = None, environ: Mapping[str, str] = os.environ) -> None:
        self._stream = stream or sys.stdout
        self._lock = threading.Lock()
        # https://no-color.org: present and not empty, whatever its value.
        self._colour = self._stream.isatty() and not environ.get("NO_COLOR")

    def line(self, name: str, text: str) -> None:
        label = name.ljust(_WIDTH)
        if self._colour:
            label = f"\x1b[{_COLOURS.get(name, '37')}m{label}\x1b[0m"
        self._write(f"{label} | {text}\n")

    def say(self, text: str) -> None:
        self.line("wildmind", text)

    def frame(self, lines: list[str]) -> None:
        rule = "─" * (max(len(line) for line in lines) + 4)
        body = "\n".join(f"  {line}".rstrip() for line in lines)
        self._write(f"\n{rule}\n{body}\n{rule}\n")

    def pump(self, name: str, source: IO[bytes]) -> threading.Thread:
        thread = threading.Thread(target=self._pump, args=(name, source), name=f"pump-{name}", daemon=True)
        thread.start()
        return thread

    def _pump(self, name: str, source: IO[bytes]) -> None:
        with source:
            for line in source:
                self.line(name, line.decode("utf-8", "replace").rstrip("\r\n"))

    def _write(self, text: str) -> None:
        encoding = self._stream.encoding or "utf-8"
        try:
            with self._lock:
                self._stream.write(text.encode(encoding, "replace").decode(encoding))
                self._stream.flush()
        except OSError:
            # The terminal is gone (closed window, `| head`): the children go on until they are told to stop.
            return
