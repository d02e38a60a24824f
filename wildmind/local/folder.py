"""The data folder: who uses it now, what was started for it, and where its services listen."""

import fcntl
import json
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from wildmind.local import discover, rooms
from wildmind.local.problems import LocalProblem
from wildmind.local.processes import Identity, end_stranger, identify, is_running

LOCK = "run.lock"
_PATIENCE_SECONDS = 8.0


class Folder:
    """Kept between runs, or inside a temporary room that goes with the run."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        try:
            self.path.mkdir(mode=rooms.mode(), parents=True, exist_ok=True)
        except OSError as error:
            raise LocalProblem(f"The data folder {self.path} cannot be made: {error.strerror}.") from error
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise LocalProblem(
                f"The data folder {self.path} belongs to another account. Run this as that account, or choose "
                "another: WILDMIND_DATA_DIR=... make run"
            )
        self._processes = self.path / "processes.json"
        self._services = self.path / discover.FILE
        self._stamp = self.path / "prepared"
        self._started: dict[str, dict[str, Any]] = {}
        self._lock: IO[str] | None = None

    def log(self, name: str) -> Path:
        """A new, empty file: what an earlier run wrote says nothing about this one."""
        folder = self.path / "log"
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / f"{name}.log"
        path.write_bytes(b"")
        return path

    def take(self) -> None:
        """Claim the folder for this process; the kernel lets go of it however the process ends."""
        self._lock = (self.path / LOCK).open("a", encoding="utf-8")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise LocalProblem(
                f"Wildmind already runs on {self.path}. Use that one, stop it with Ctrl-C, or give this one a "
                "folder of its own: WILDMIND_DATA_DIR=.local-2 WILDMIND_PORT=8001 make run"
            ) from error

    def release(self) -> None:
        """Every process must have ended before."""
        self._services.unlink(missing_ok=True)
        self._processes.unlink(missing_ok=True)
        if self._lock:
            self._lock.close()

    def record(self, name: str, pid: int, stop_signal: signal.Signals) -> None:
        """Remember a process, so that a later run can end it should this one be killed."""
        identity = identify(pid)
        if identity is None:
            return
        self._started[name] = {"pid": pid, "started": identity.started, "signal": int(stop_signal)}
        _write_private(self._processes, {"processes": self._started})

    def end_orphans(self, *, patience: float = _PATIENCE_SECONDS) -> list[str]:
        """End what a killed supervisor left; only processes that are certainly the ones it started."""
        content = _read(self._processes)
        ended = []
        # Backwards: what was started last may still talk to what was started first.
        for name, entry in reversed(content.get("processes", {}).items()):
            identity = Identity(entry["pid"], entry["started"])
            if is_running(identity):
                end_stranger(identity, signum=signal.Signals(entry["signal"]), patience=patience)
                ended.append(name)
        rooms.remove(_read(self._services).get("room"))
        self._services.unlink(missing_ok=True)
        self._processes.unlink(missing_ok=True)
        return ended

    def announce(self, urls: Mapping[str, str], *, room: Path) -> None:
        """Let `manage.py` in a second terminal find the services."""
        me = identify(os.getpid())
        content = {"pid": os.getpid(), "started": me.started if me else "", "urls": dict(urls), "room": str(room)}
        _write_private(self._services, content)

    def prepared_as(self) -> str:
        return self._stamp.read_text(encoding="utf-8") if self._stamp.exists() else ""

    def set_prepared(self, fingerprint: str) -> None:
        self._stamp.write_text(fingerprint, encoding="utf-8")

    def discard(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write_private(path: Path, content: Mapping[str, Any]) -> None:
    """Renamed into place: a reader, or a kill in the middle, never meets half a file."""
    staging = path.with_name(f"{path.name}.new")
    staging.unlink(missing_ok=True)
    staging.touch(mode=0o600)
    staging.write_text(json.dumps(content), encoding="utf-8")
    staging.replace(path)
