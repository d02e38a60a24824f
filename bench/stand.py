"""The test stand: PostgreSQL with fsync on and Valkey in a folder that goes with it, and the programs under test."""

import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from wildmind.local import ports, postgres, processes, rooms, valkey
from wildmind.local.accounts import give
from wildmind.local.folder import Folder
from wildmind.local.processes import Command

ROOT = Path(__file__).resolve().parent.parent
PREPARED, FLOORS = "prepared", "floors"
_START_SECONDS, _STOP_SECONDS, _STEP_SECONDS = 60.0, 8.0, 180.0
_TICK = 0.02
# The simple protocol logs a statement, the extended one logs parse, bind and execute.
_STATEMENT = re.compile(r"LOG:  duration: [\d.]+ ms  (?:statement|execute [^:]*): (.{0,60})")


class StandProblem(Exception):
    """Something on the stand did not start, or ended too early."""


@dataclass
class Stand:
    """Servers of its own. Databases are made from a prepared one, so that every benchmark begins with the same."""

    room: Path
    folder: Folder
    environ: dict[str, str] = field(repr=False)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    programs: Path | None = None
    broker: valkey.Valkey | None = None
    _signals: dict[str, signal.Signals] = field(default_factory=dict)

    @property
    def redis_url(self) -> str:
        return self.environ["REDIS_URL"]

    def database_url(self, name: str) -> str:
        return urlunsplit(urlsplit(self.environ["DATABASE_URL"])._replace(path=f"/{name}"))

    def program(self, name: str) -> str:
        """The path of one of PostgreSQL's own programs, of the version that runs."""
        if self.programs is None:
            raise StandProblem("PostgreSQL was not started.")
        return str(self.programs / name)

    def start(self, name: str, *argv: str, env: Mapping[str, str]) -> None:
        """Starts a Python program by the arguments that follow `python`."""
        self._spawn(Command(name, (sys.executable, *argv), ROOT, env, log=self.folder.log(name)))

    def stop(self, *names: str) -> None:
        """Ends programs in order, each with everything below it."""
        for name in names:
            process = self.running.pop(name, None)
            if process is None:
                continue
            if process.poll() is None:
                processes.tell(process.pid, signal.SIGCONT)
                processes.tell(process.pid, self._signals[name])
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_STOP_SECONDS)
            processes.kill_group(process.pid)
            process.wait()

    def hold(self, name: str) -> None:
        """Lets a program stand still, but not what is below it."""
        processes.tell(self.running[name].pid, signal.SIGSTOP)

    def release(self, name: str) -> None:
        processes.tell(self.running[name].pid, signal.SIGCONT)

    def roots(self, **programs: str) -> dict[str, int]:
        """The processes whose time counts: the servers, and the given programs under the given names."""
        named = {**programs, "pg": "postgres", "valkey": "valkey"}
        return {name: self.running[program].pid for name, program in named.items()}

    def wait(self, condition: Callable[[], bool], what: str, *, seconds: float = _START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            ended = [name for name, process in self.running.items() if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                raise StandProblem(f"{what}: not within {seconds:g} s{self._tails(ended)}")
            time.sleep(_TICK)

    def step(self, *argv: str, env: Mapping[str, str]) -> str:
        """Runs a Python program to its end; gives its output."""
        done = subprocess.run(
            [sys.executable, *argv], cwd=ROOT, env=dict(env), capture_output=True, text=True, timeout=_STEP_SECONDS,
            check=False,
        )  # fmt: skip
        if done.returncode:
            raise StandProblem(f"{' '.join(argv)}:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
        return done.stdout

    def admin(self, *statements: str, database: str = "postgres") -> None:
        with psycopg.connect(self.database_url(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    @contextmanager
    def logged(self) -> Iterator[list[str]]:
        """The statements that reached PostgreSQL during the block, filled in at its end."""
        log = self.room / "log" / "postgres.log"
        self.admin("ALTER SYSTEM SET log_min_duration_statement = 0", "SELECT pg_reload_conf()", "SELECT pg_sleep(0.1)")
        start = log.stat().st_size
        statements: list[str] = []
        yield statements
        with log.open("rb") as file:
            file.seek(start)
            text = file.read().decode("utf-8", "replace")
        self.admin("ALTER SYSTEM RESET log_min_duration_statement", "SELECT pg_reload_conf()")
        statements += _STATEMENT.findall(text)

    def postgres_version(self) -> str:
        with psycopg.connect(self.database_url("postgres")) as connection:
            row = connection.execute("SHOW server_version").fetchone()
        return str(row[0]).split()[0] if row else ""

    def clone(self, name: str) -> str:
        """A database as it is after `prepare`; gives its URL."""
        self.admin(f"CREATE DATABASE {name} TEMPLATE {PREPARED}")
        self.admin("VACUUM ANALYZE", database=name)
        return self.database_url(name)

    def prepare(self) -> None:
        """The database that the others are made from, and the one of the floors."""
        self.admin(f"CREATE DATABASE {PREPARED}", f"CREATE DATABASE {FLOORS}")
        self.step("manage.py", "prepare", env={**self.environ, "DATABASE_URL": self.database_url(PREPARED)})
        # Tables without migrations are made first, and the floors' refer to a user.
        for options in ((), ("--run-syncdb",)):
            self.step("-m", "django", "migrate", "-v0", *options, env=self.floor_environ())

    def floor_environ(self) -> dict[str, str]:
        return {
            **self.environ, "DATABASE_URL": self.database_url(FLOORS),
            "DJANGO_SETTINGS_MODULE": "bench.floors.settings", "BENCH_BROKER_URL": self.redis_url[:-1] + "1",
        }  # fmt: skip

    def start_servers(self) -> None:
        self.start_valkey()
        self.start_postgres()

    def start_valkey(self) -> None:
        """Starts Valkey, for the first time or again at the same address, empty."""
        self.broker = self.broker or valkey.plan(environ=os.environ)
        self._spawn(self.broker.command(folder=self.room / "valkey", log=self.folder.log("valkey"), environ=os.environ))
        self.wait(self.broker.answers, "Valkey answers")
        self.environ["REDIS_URL"] = self.broker.url

    def start_postgres(self) -> None:
        """Starts PostgreSQL, for the first time or after a crash."""
        cluster = postgres.open_cluster(self.room, ephemeral=False, environ=os.environ)
        self.programs = cluster.binaries.folder
        sockets = self.room / "s"
        give(sockets, cluster.account)
        self._spawn(
            cluster.command(sockets=sockets, log=self.folder.log("postgres"), ephemeral=False, environ=os.environ)
        )
        self.wait(lambda: postgres.answers(sockets), "PostgreSQL answers")
        self.environ["DATABASE_URL"] = postgres.url(sockets)

    def stop_all(self) -> None:
        """The servers last: what runs on them may have something to say on its way out."""
        self.stop(*[name for name in self.running if name not in {"valkey", "postgres"}], "valkey", "postgres")

    def _spawn(self, command: Command) -> None:
        process = processes.spawn(command)
        self.running[command.name] = process
        self._signals[command.name] = command.stop_signal
        self.folder.record(command.name, process.pid, command.stop_signal)

    def _tails(self, ended: list[str]) -> str:
        return "".join(f"\n--- {name}\n{(self.room / 'log' / f'{name}.log').read_text()[-2000:]}" for name in ended)


@contextmanager
def opened() -> Iterator[Stand]:
    """A stand with both servers up; whatever happens, nothing of it is left."""
    with ExitStack() as stack:
        room = rooms.make()
        stack.callback(rooms.remove, room)
        folder = Folder(room)
        folder.take()
        stack.callback(folder.release)
        stand = Stand(room, folder, _environ(room))
        stack.callback(stand.stop_all)
        stand.start_servers()
        yield stand


def free_port() -> int:
    return ports.free_port()


def _environ(room: Path) -> dict[str, str]:
    """Nothing of the developer's own settings: a figure must mean the same on every machine."""
    data = room / "data"
    (data / "static").mkdir(mode=0o700, parents=True)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("WILDMIND_", "PG"))}
    return {
        **inherited, "DJANGO_SETTINGS_MODULE": "bench.settings", "PYTHONUNBUFFERED": "1",
        "WILDMIND_SECRET_KEY": secrets.token_urlsafe(50), "WILDMIND_ALLOWED_HOSTS": ports.HOST,
        "WILDMIND_TLS": "false", "WILDMIND_DATA_DIR": str(data), "WILDMIND_SEED": "minimal",
        "WILDMIND_LOG_FORMAT": "json", "WILDMIND_EXTRA_ADAPTERS": "noop=bench.noop:NoopAdapter",
        "WILDMIND_CATALOGUE_DIRS": str(ROOT / "bench" / "catalogue"),
    }  # fmt: skip
