"""PostgreSQL and Valkey for one run: the ones given by URL, or private ones that end with us."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wildmind.local import postgres, valkey
from wildmind.local.accounts import give
from wildmind.local.supervisor import Supervisor

# Recovery after a power cut reads the log from the last checkpoint on.
_DATABASE_SECONDS, _VALKEY_SECONDS = 60.0, 10.0
STOP_ORDER = (("valkey",), ("postgres",))


@dataclass
class Services:
    """`fresh` when the database is new and empty; `private` when nobody but this run has a say in it."""

    supervisor: Supervisor
    environ: Mapping[str, str]
    room: Path
    ephemeral: bool
    fresh: bool = False
    data: Path | None = None
    urls: dict[str, str] = field(default_factory=dict)

    @property
    def private(self) -> bool:
        return self.data is not None

    def start(self) -> None:
        given = {name: self.environ.get(name, "") for name in ("DATABASE_URL", "REDIS_URL")}
        redis = given["REDIS_URL"] or self._start_valkey()
        database = given["DATABASE_URL"] or self._start_postgres()
        self.urls = {"DATABASE_URL": database, "REDIS_URL": redis}

    def _start_valkey(self) -> str:
        folder = self.supervisor.folder
        server = valkey.plan(environ=self.environ)
        self.supervisor.start(
            server.command(folder=folder.path / "valkey", log=folder.log("valkey"), environ=self.environ)
        )
        self.supervisor.await_answer("valkey", server.answers, seconds=_VALKEY_SECONDS)
        return server.url

    def _start_postgres(self) -> str:
        folder = self.supervisor.folder
        cluster = postgres.open_cluster(folder.path, ephemeral=self.ephemeral, environ=self.environ)
        if cluster.note:
            self.supervisor.console.say(cluster.note)
        sockets = self.room / "s"
        give(sockets, cluster.account)
        self.supervisor.start(
            cluster.command(sockets=sockets, log=folder.log("postgres"), ephemeral=self.ephemeral, environ=self.environ)
        )
        self.supervisor.await_answer("postgres", lambda: postgres.answers(sockets), seconds=_DATABASE_SECONDS)
        self.fresh = postgres.ensure_database(sockets)
        self.data = cluster.data
        return postgres.url(sockets)
