"""The whole product as its own processes on a stand: one web, one worker, two runners, two conductors, a provider."""

import io
import json
import os
import signal
import subprocess
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import django
import redis

from bench import stand as stands
from bench.stand import PREPARED, ROOT, Stand, StandProblem, free_port
from wildmind.local import processes
from wildmind.local.children import NICE, QUEUES, RUNNER_QUEUES

LEASE_SECONDS = 5
# The release before this one's engine.
PREVIOUS = "3747c2e"
PROVIDER, WEB, WORKER = "provider", "web", "worker"
RUNNERS, CONDUCTORS = ("runner-a", "runner-b"), ("conductor-a", "conductor-b")
_ADAPTERS = (
    "noop=bench.noop:NoopAdapter", "remote=bench.remote.adapter:RemoteAdapter",
    "remote_waiting=bench.remote.adapter:WaitingAdapter",
)  # fmt: skip
_CATALOGUES = (ROOT / "bench" / "catalogue", ROOT / "bench" / "remote" / "catalogue")
_CELERY = ("-m", "celery", "-A", "wildmind.celery", "-q", "worker", "--without-gossip", "--without-mingle", "-l",
           "warning")  # fmt: skip
_START_SECONDS = 90.0


def _prepare(stand: Stand) -> None:
    """The database that every run's own is made from."""
    stand.environ |= {
        "WILDMIND_EXTRA_ADAPTERS": ",".join(_ADAPTERS), "WILDMIND_CATALOGUE_DIRS": ",".join(map(str, _CATALOGUES)),
        "WILDMIND_LEASE_SECONDS": str(LEASE_SECONDS), "WILDMIND_PICKUP_SECONDS": str(LEASE_SECONDS),
    }  # fmt: skip
    stand.admin(f"CREATE DATABASE {PREPARED}")
    stand.step("manage.py", "prepare", env={**stand.environ, "DATABASE_URL": stand.database_url(PREPARED)})


@contextmanager
def opened() -> Iterator[Stand]:
    """A stand with the remote provider's models on offer, and Django in this process set up for it."""
    with stands.opened() as stand:
        _prepare(stand)
        os.environ.clear()
        os.environ.update(stand.environ)
        django.setup()
        yield stand


@dataclass
class Site:
    """One run's site. `more` are environment variables of single programs, `instead` other programs for a name."""

    stand: Stand
    name: str
    seconds: float = 3.0
    more: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    instead: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict, repr=False)
    port: int = field(default_factory=free_port)
    provider_port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        data = self.stand.room / f"data-{self.name}"
        (data / "static").mkdir(parents=True, mode=0o700)
        self.environ = {
            **self.stand.environ, "DATABASE_URL": self.stand.clone(self.name.replace("-", "_")),
            "WILDMIND_DATA_DIR": str(data), "WILDMIND_PORT": str(self.port), "WILDMIND_SITE_URL": self.url,
            "BENCH_PROVIDER_URL": f"http://127.0.0.1:{self.provider_port}",
        }  # fmt: skip

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> str:
        return self.name.replace("-", "_")

    @property
    def media(self) -> Path:
        return Path(self.environ["WILDMIND_DATA_DIR"]) / "media"

    def start(self, *names: str) -> None:
        """Starts programs, from the main thread."""
        for name in names:
            env = {**self.environ, **self.more.get(name, {})}
            self.stand.start(name, *self.instead.get(name, self._program(name)), env=env)

    def start_all(self, *extra: str) -> None:
        self.start(PROVIDER, WEB, WORKER, *RUNNERS, *CONDUCTORS, *extra)
        self.stand.wait(lambda: self.answers("/readyz"), "the site answers", seconds=_START_SECONDS)
        with redis.Redis.from_url(self.stand.redis_url) as client:
            # A worker and two runners announce themselves by a name each.
            self.stand.wait(lambda: self._heard(client) >= 3, "all workers announced themselves",
                            seconds=_START_SECONDS)  # fmt: skip

    def stop_all(self) -> None:
        for name in [name for name in self.stand.running if name not in {"valkey", "postgres"}]:
            self.kill(name)
        with redis.Redis.from_url(self.stand.redis_url) as client:
            client.flushall()

    def kill(self, name: str) -> None:
        """kill -9 of a program and all below it: nothing of it can tidy up."""
        process = self.stand.running.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def below(self, name: str) -> set[int]:
        """The processes of a program, itself among them."""
        group, found = self.stand.running[name].pid, set()
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with suppress(ProcessLookupError, PermissionError):
                    if os.getpgid(int(folder.name)) == group:
                        found.add(int(folder.name))
        return found

    def freeze(self, name: str, seconds: float) -> None:
        group = self.stand.running[name].pid
        os.killpg(group, signal.SIGSTOP)
        time.sleep(seconds)
        os.killpg(group, signal.SIGCONT)

    def restart_valkey(self, *, after_seconds: float) -> None:
        self.kill("valkey")
        time.sleep(after_seconds)
        self.stand.start_valkey()

    def crash_postgres(self, *, after_seconds: float) -> None:
        """As in a power cut: nothing is written that was not written already."""
        pid = next(self.stand.room.glob("**/postmaster.pid")).read_text(encoding="utf-8").splitlines()[0]
        process = self.stand.running.pop("postgres")
        processes.tell(int(pid), signal.SIGQUIT)
        process.wait(30)
        time.sleep(after_seconds)
        self.stand.start_postgres()

    def answers(self, path: str) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"{self.url}{path}", timeout=5) as answer:  # noqa: S310 - http
            return bool(answer.status == 200)
        return False

    def provider(self, method: str = "GET", path: str = "/journal", body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - http
            f"{self.environ['BENCH_PROVIDER_URL']}{path}", data, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - http
            return json.load(answer)

    def misbehave(self, **faults: float) -> None:
        """How the provider is from now on: shares of its requests."""
        self.provider("PUT", "/faults", {"seconds": self.seconds, **faults})

    def _heard(self, client: "redis.Redis") -> int:
        return int(client.hlen("wm:workers"))

    def _program(self, name: str) -> tuple[str, ...]:
        programs: dict[str, Callable[[], tuple[str, ...]]] = {
            PROVIDER: lambda: ("-m", "bench.remote.server", "--port", str(self.provider_port), "--seconds",
                               str(self.seconds)),
            WEB: lambda: ("-m", "uvicorn", "wildmind.asgi:application", "--host", "127.0.0.1", "--port",
                          str(self.port), "--no-access-log", "--lifespan", "off", "--log-level", "warning"),
            WORKER: lambda: _niced(*_CELERY[1:], "-P", "prefork", "-c", "2", "-Q", QUEUES, "-n", f"{name}@%h"),
        }  # fmt: skip
        if name in programs:
            return programs[name]()
        if name.startswith("runner"):
            return (*_CELERY, "-P", "threads", "-c", "2", "-Q", RUNNER_QUEUES, "-n", f"{name}@%h")
        return ("manage.py", "conductor")


def _niced(*argv: str) -> tuple[str, ...]:
    """A worker that computes, as `make run` starts it: it gives way to what people wait for."""
    return (
        "-c",
        f"import os, sys; os.nice({NICE}); sys.argv = {list(argv)!r}; from celery.__main__ import main; main()",
    )


def previous_release(stand: Stand) -> Path:
    """The code of the release before, unpacked. Raises StandProblem where the repository does not go back so far."""
    folder = stand.room / "previous"
    if not folder.exists():
        packed = subprocess.run(["git", "archive", PREVIOUS], cwd=ROOT, capture_output=True, check=False)
        if packed.returncode:
            raise StandProblem(f"{PREVIOUS} is not in this repository: {packed.stderr.decode()[:200]}")
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
            archive.extractall(folder, filter="data")
    return folder


def previous_worker(folder: Path) -> tuple[str, ...]:
    """A worker of that release, told where its own code is: it stands before ours on the path."""
    start = f"import os, sys; os.chdir({str(folder)!r}); sys.path.insert(0, {str(folder)!r}); "
    arguments = [*_CELERY[1:], "-P", "prefork", "-c", "1", "-Q", "media", "-n", "previous@%h"]
    return ("-c", f"{start}sys.argv = {arguments!r}; from celery.__main__ import main; main()")
