"""The product as real processes: a database of its own, a Valkey that can be stopped, web, workers and conductors.

A process is named by its kind, or by kind and a word when there are several: `worker`, `worker:pro`, `scheduler:2`.
"""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import redis

from wildmind.local import children, ports, processes, valkey

ROOT = Path(__file__).resolve().parent.parent.parent
LEASE_SECONDS = 3


@dataclass
class Stack:
    """Each process can be killed and started again; `api` calls the web process as an integrator would."""

    folder: Path
    database_url: str
    environ: dict[str, str]
    broker: valkey.Valkey
    port: int
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    queues: dict[str, str] = field(default_factory=dict)
    """What a worker of this name reads; the others read all that is no lane's."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *names: str) -> None:
        for name in names:
            if name in self.running:
                self.kill(name)
            self.running[name] = processes.spawn(self._command(name))
            if name == "valkey":
                self.wait(self.broker.answers, "Valkey answers", seconds=10)
            if name == "sqs":
                self.wait(lambda: _status(self.sqs_port, "/moto-api/"), "the SQS server answers", seconds=20)

    def kill(self, name: str) -> None:
        """kill -9 of the whole process group: nothing of it can tidy up."""
        process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop_all(self) -> None:
        for name in list(self.running):
            self.kill(name)

    def manage(self, *arguments: str) -> str:
        """A management command's output; its failure is the test's."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.environ, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    def key(self, *, credits: int, email: str = "") -> "Caller":
        made = self.manage(
            "create_api_key", "--email", email or f"{uuid4().hex[:8]}@example.com", "--credits", str(credits), "--json"
        )
        return Caller(self.port, json.loads(made.strip().splitlines()[-1])["key"])

    def wait(self, condition: Callable[[], Any], what: str, *, seconds: float = 30) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := condition():
                return found
            time.sleep(0.05)
        raise AssertionError(f"{what}: not within {seconds} s\n{self.logs()}")

    def wait_until_ready(self, *, workers: int = 1) -> None:
        self.wait(lambda: _status(self.port, "/readyz") == 200, "/readyz is 200", seconds=60)
        self.wait(lambda: self._known_workers() >= workers, "the workers announced themselves", seconds=60)

    def logs(self) -> str:
        return "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in sorted(self.folder.glob("*.log")))

    def sql(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(query, params).fetchall()

    def execute(self, statement: str, *params: Any) -> None:
        with psycopg.connect(self.database_url) as connection:
            connection.execute(statement, params)

    @property
    def sqs_port(self) -> int:
        return urlsplit(self.environ["WILDMIND_SQS_ENDPOINT"]).port or 0

    def _known_workers(self) -> int:
        try:
            with closing(redis.Redis.from_url(self.broker.url)) as client:
                return client.hlen("wm:workers")
        except redis.RedisError:
            return 0

    def _command(self, name: str) -> processes.Command:
        kind, _, word = name.partition(":")
        log = self.folder / f"{name.replace(':', '-')}.log"
        if kind == "valkey":
            return self.broker.command(folder=self.folder / "valkey", log=log, environ=os.environ)
        if kind == "sqs":
            argv = (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.sqs_port))
            return processes.Command(name, argv, ROOT, os.environ, log=log)
        if kind == "worker":
            queues = self.queues.get(name, children.WORKER_QUEUES)
            command = children.worker(ROOT, self.environ, node=word or "local", queues=queues)
        else:
            make = {"web": children.web, "scheduler": children.scheduler, "runner": children.runner}[kind]
            command = make(ROOT, self.environ)
        return processes.Command(command.name, command.argv, command.cwd, command.env, log=log)


@dataclass
class Caller:
    """An API key against the web process."""

    port: int
    secret: str

    def get(self, path: str) -> Any:
        return self._call("GET", path, None, "")[1]

    def post(self, path: str, body: Any, *, key: str = "") -> tuple[int, Any]:
        return self._call("POST", path, body, key or str(uuid4()))

    def _call(self, method: str, path: str, body: Any, key: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": f"Bearer {self.secret}", "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        connection.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        raw = answer.read()
        connection.close()
        return answer.status, json.loads(raw)


def create(folder: Path, *, sqs: bool = False) -> Stack:
    """A prepared database and a broker, with nothing started yet but Valkey and, if it is the broker, SQS."""
    own = _database(f"stack_{uuid4().hex[:10]}")
    broker = valkey.plan(environ=os.environ)
    port = ports.free_port()
    environ = {
        **os.environ, "DATABASE_URL": own, "REDIS_URL": broker.url, "WILDMIND_PORT": str(port),
        "WILDMIND_DATA_DIR": str(folder / "data"), "WILDMIND_SEED": "demo",
        "DJANGO_SETTINGS_MODULE": "wildmind.settings.dev", "WILDMIND_LEASE_SECONDS": str(LEASE_SECONDS),
        "WILDMIND_PICKUP_SECONDS": str(LEASE_SECONDS), "WILDMIND_LOG_FORMAT": "json", "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    if sqs:
        environ |= {
            "WILDMIND_BROKER_URL": "sqs://", "WILDMIND_SQS_ENDPOINT": f"http://127.0.0.1:{ports.free_port()}",
            "WILDMIND_SQS_ACCESS_KEY": "local", "WILDMIND_SQS_SECRET_KEY": "local/secret+key",
        }  # fmt: skip
    stack = Stack(folder, own, environ, broker, port)
    stack.start("valkey", *(["sqs"] if sqs else []))
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        # Migrating takes as long as a test: the first of a run does it, the others copy.
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [_template()])
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_template()]).fetchone():
            _prepare(stack)
        connection.execute(f"CREATE DATABASE {urlsplit(own).path[1:]} TEMPLATE {_template()}")
    # What the seed's rows name.
    shutil.copytree(_template_folder() / "media", folder / "data" / "media")
    return stack


def _prepare(stack: Stack) -> None:
    """The template of this run; one whose making broke off bears another name."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {_template()}_begun")
        made = replace(stack, environ={
            **stack.environ, "DATABASE_URL": _database(f"{_template()}_begun"),
            "WILDMIND_DATA_DIR": str(_template_folder()),
        })  # fmt: skip
        made.manage("prepare")
        connection.execute(f"ALTER DATABASE {_template()}_begun RENAME TO {_template()}")


def forget_template() -> None:
    """At the end of a run that made one."""
    if not _template_folder().exists():
        return
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        for name in (_template(), f"{_template()}_begun"):
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    shutil.rmtree(_template_folder(), ignore_errors=True)


def _template() -> str:
    return f"stack_template_{os.environ['WILDMIND_TEST_RUN']}"


def _template_folder() -> Path:
    return Path(tempfile.gettempdir()) / _template()


def _database(name: str) -> str:
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))


def drop(stack: Stack) -> None:
    """Ends every process and removes the database."""
    stack.stop_all()
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {urlsplit(stack.database_url).path[1:]} WITH (FORCE)")


def _status(port: int, path: str) -> int:
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            connection.request("GET", path)
            return connection.getresponse().status
    except OSError:
        return 0
