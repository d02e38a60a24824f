"""A private PostgreSQL: made once in the data folder, reached over a unix socket only we can enter."""

import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from wildmind.local import postgres_binaries
from wildmind.local.accounts import Account, call, can_enter, for_postgres, give
from wildmind.local.postgres_binaries import SHARED_STATE, Binaries, WrongMajor
from wildmind.local.problems import LocalProblem
from wildmind.local.processes import Command

NAME = "wildmind"
_COMMON = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "log_min_messages": "warning",
    # A failing statement is not written to the log, whatever it carries.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_destination": "stderr",
    "logging_collector": "off",
    "timezone": "UTC",
}
# A test run's database dies with it: nothing there has to survive a power cut.
_EPHEMERAL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "1GB"}


@dataclass(frozen=True)
class Cluster:
    """A database folder that exists, and the programs that fit it. `fresh` when it was made just now."""

    binaries: Binaries
    data: Path
    account: Account | None
    fresh: bool
    note: str = ""

    def command(self, *, sockets: Path, log: Path, ephemeral: bool, environ: Mapping[str, str]) -> Command:
        settings = {**_COMMON, **(_EPHEMERAL if ephemeral else {}), "unix_socket_directories": str(sockets)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Command(
            name="postgres",
            argv=(self.binaries.program("postgres"), "-D", str(self.data), *options),
            cwd=Path("/"),
            # PG* in a developer's shell is meant for clients.
            env={name: value for name, value in environ.items() if not name.startswith("PG")},
            account=self.account,
            # SIGINT is the fast shutdown; SIGTERM would wait for every client to leave.
            stop_signal=signal.SIGINT,
            log=log,
        )


def open_cluster(folder: Path, *, ephemeral: bool, environ: Mapping[str, str]) -> Cluster:
    """`folder` is the data folder; the database goes into it, or beside the system's state when it is closed."""
    wanted = folder / "postgres"
    account = for_postgres(wanted)
    data, note = _place(folder, wanted, account)
    try:
        binaries = postgres_binaries.choose(
            existing_major=_major(data), account=account, search_path=environ.get("PATH", os.defpath)
        )
    except WrongMajor as error:
        raise LocalProblem(
            f"{data} was made by PostgreSQL {error.wanted} and none of that version is here (found: {error.seen}). "
            f"Put PostgreSQL {error.wanted} on the PATH, or start with a new database: "
            f"mv {data} {data}-{error.wanted}"
        ) from error
    fresh = _major(data) is None
    if fresh:
        _create(binaries, data, account, ephemeral=ephemeral)
    _require_owner(data)
    return Cluster(binaries, data, account, fresh, note)


def _place(folder: Path, wanted: Path, account: Account | None) -> tuple[Path, str]:
    pointer = folder / "postgres.location"
    if not pointer.exists() and can_enter(folder, account):
        return wanted, ""
    if pointer.exists():
        moved = Path(pointer.read_text(encoding="utf-8").strip())
    else:
        moved = SHARED_STATE / f"data-{os.urandom(6).hex()}" / "postgres"
        pointer.write_text(f"{moved}\n", encoding="utf-8")
    moved.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    return moved, (
        f"PostgreSQL does not run as root and its own account cannot enter {folder}: its database is in {moved}"
    )


def _major(data: Path) -> int | None:
    try:
        return int((data / "PG_VERSION").read_text(encoding="ascii"))
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise _foreign(data) from error


def _require_owner(data: Path) -> None:
    if os.geteuid() not in (0, data.stat().st_uid):
        raise _foreign(data)


def _foreign(data: Path) -> LocalProblem:
    return LocalProblem(
        f"{data} belongs to another account. Run this as that account or as root, or choose another data folder: "
        "WILDMIND_DATA_DIR=... make run"
    )


def _create(binaries: Binaries, data: Path, account: Account | None, *, ephemeral: bool) -> None:
    """Made aside and renamed, so an interrupted start leaves nothing half made."""
    staging = data.with_name(f"{data.name}.new")
    shutil.rmtree(staging, ignore_errors=True)
    give(staging, account)
    options = ["-D", str(staging), "-U", NAME, "-A", "trust", "-E", "UTF8", *(["--no-sync"] if ephemeral else [])]
    for locale in ("C.UTF-8", "C"):
        answer = call([binaries.program("initdb"), *options, f"--locale={locale}"], account=account)
        if answer.returncode == 0:
            shutil.rmtree(data, ignore_errors=True)
            staging.rename(data)
            return
    raise LocalProblem(f"PostgreSQL's initdb failed:\n{(answer.stderr or answer.stdout).strip()}")


def answers(sockets: Path) -> bool:
    try:
        _ask("SELECT 1", sockets)
    except psycopg.OperationalError:
        return False
    return True


def ensure_database(sockets: Path) -> bool:
    """True when it had to be created."""
    if NAME in _ask("SELECT datname FROM pg_database", sockets):
        return False
    _ask(f"CREATE DATABASE {NAME}", sockets)
    return True


def url(sockets: Path) -> str:
    return f"postgresql://{NAME}@/{NAME}?host={sockets}"


def _ask(query: str, sockets: Path) -> list[str]:
    with psycopg.connect(
        host=str(sockets), user=NAME, dbname="postgres", connect_timeout=2, autocommit=True
    ) as connection:
        cursor = connection.execute(query.encode())
        return [str(row[0]) for row in cursor.fetchall()] if cursor.description else []
