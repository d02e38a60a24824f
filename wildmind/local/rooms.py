"""Temporary folders with short paths: a unix socket's may not be longer than about 100 bytes."""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "wm-"
# A room this new may not have its lock yet.
_SETTLED_SECONDS = 10


def make() -> Path:
    room = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_top()))
    room.chmod(mode())
    return room


def mode() -> int:
    """Ours alone; under root, PostgreSQL's account must be able to pass through."""
    return 0o711 if os.geteuid() == 0 else 0o700


def remove(room: str | Path | None) -> None:
    """Only ever one of ours, whatever a file from an earlier run says."""
    if room and Path(room).name.startswith(_PREFIX) and Path(room).parent == _top():
        shutil.rmtree(room, ignore_errors=True)


def abandoned(lock_name: str) -> Iterator[Path]:
    """Rooms that a killed run left behind: ours, with a lock in them that nobody holds."""
    for room in _top().glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if _is_ours(room) and _is_unlocked(room / lock_name):
                yield room


def _top() -> Path:
    # Not $TMPDIR: macOS points it at a path too long for a socket.
    top = Path("/tmp")  # noqa: S108 - mkdtemp makes a private folder with a random name in it
    return top if os.access(top, os.W_OK) else Path(tempfile.gettempdir())


def _is_ours(room: Path) -> bool:
    facts = room.lstat()
    settled = time.time() - facts.st_mtime > _SETTLED_SECONDS
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid() and settled


def _is_unlocked(lock: Path) -> bool:
    if not lock.exists():
        return False
    with lock.open("a", encoding="utf-8") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
