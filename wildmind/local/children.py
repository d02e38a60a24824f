"""What `make run` runs beside the services."""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from wildmind.local.ports import HOST
from wildmind.local.processes import Command

# Work on our own processors has processes with hard limits; waiting for providers has one process with an event loop.
WORKER_QUEUES = "media,renditions,callbacks,billing,maintenance"
RUNNER_QUEUES = "generation.enterprise,generation.pro,generation.free"
QUEUES = f"{RUNNER_QUEUES},{WORKER_QUEUES}"
_RUNNER_THREADS = 2
# Work that fills a processor gives way to what answers people.
NICE = 5
# Each pool process is a whole Django: past this a local run spends memory, not time.
_MOST_WORKERS = 8
# A container's root is no news, and twelve lines of it would hide what matters.
_ROOT_WARNING = "ignore:You're running the worker with superuser privileges"
STOP_ORDER = (("prepare",), ("scheduler", "runner", "worker", "web"))


def prepare(root: Path, env: Mapping[str, str]) -> Command:
    return Command("prepare", (sys.executable, "manage.py", "prepare"), root, env)


def web(root: Path, env: Mapping[str, str]) -> Command:
    return _module(
        "web", root, env, "uvicorn", "wildmind.asgi:application", "--host", HOST, "--port", env["WILDMIND_PORT"],
        "--no-access-log", "--lifespan", "off", "--log-level", "warning", "--ws-per-message-deflate", "false",
        # An open event stream would hold the server back until it is killed.
        "--timeout-graceful-shutdown", "2",
    )  # fmt: skip


def worker(root: Path, env: Mapping[str, str], *, node: str = "local", queues: str = WORKER_QUEUES) -> Command:
    processes = min(max(2, os.cpu_count() or 2), _MOST_WORKERS)
    made = _celery("worker", root, env, "-P", "prefork", "-c", str(processes), "-Q", queues, "-n", f"{node}@%h")
    return replace(made, argv=("nice", "-n", str(NICE), *made.argv)) if shutil.which("nice") else made


def runner(root: Path, env: Mapping[str, str], *, node: str = "runner") -> Command:
    return _celery(
        "runner", root, env, "-P", "threads", "-c", str(_RUNNER_THREADS), "-Q", RUNNER_QUEUES, "-n", f"{node}@%h"
    )


def scheduler(root: Path, env: Mapping[str, str]) -> Command:
    return Command("scheduler", (sys.executable, "manage.py", "conductor"), root, env)


def wildmind(root: Path, env: Mapping[str, str]) -> list[Command]:
    return [web(root, env), worker(root, env), runner(root, env), scheduler(root, env)]


def _celery(name: str, root: Path, env: Mapping[str, str], *arguments: str) -> Command:
    quiet = {**env, "PYTHONWARNINGS": ",".join(filter(None, (env.get("PYTHONWARNINGS"), _ROOT_WARNING)))}
    return _module(
        name, root, quiet, "celery", "-A", "wildmind.celery", "-q", "worker", "--without-gossip", "--without-mingle",
        "-l", "warning", *arguments,
    )  # fmt: skip


def _module(name: str, root: Path, env: Mapping[str, str], module: str, *arguments: str) -> Command:
    return Command(name, (sys.executable, "-m", module, *arguments), root, env)
