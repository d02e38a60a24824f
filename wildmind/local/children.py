"""What `make run` runs beside the services."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from wildmind.local.ports import HOST
from wildmind.local.processes import Command

QUEUES = "generation.enterprise,generation.pro,generation.free,media,callbacks,billing,maintenance"
# Each pool process is a whole Django: past this a local run spends memory, not time.
_MOST_WORKERS = 8
# A container's root is no news, and twelve lines of it would hide what matters.
_ROOT_WARNING = "ignore:You're running the worker with superuser privileges"
STOP_ORDER = (("prepare",), ("scheduler", "worker", "web"))


def prepare(root: Path, env: Mapping[str, str]) -> Command:
    return Command("prepare", (sys.executable, "manage.py", "prepare"), root, env)


def web(root: Path, env: Mapping[str, str]) -> Command:
    return _module(
        "web", root, env, "uvicorn", "wildmind.asgi:application", "--host", HOST, "--port", env["WILDMIND_PORT"],
        "--no-access-log", "--lifespan", "off", "--log-level", "warning", "--ws-per-message-deflate", "false",
        # An open event stream would hold the server back until it is killed.
        "--timeout-graceful-shutdown", "2",
    )  # fmt: skip


def worker(root: Path, env: Mapping[str, str], *, node: str = "local") -> Command:
    processes = min(max(2, os.cpu_count() or 2), _MOST_WORKERS)
    quiet = {**env, "PYTHONWARNINGS": ",".join(filter(None, (env.get("PYTHONWARNINGS"), _ROOT_WARNING)))}
    return _module(
        "worker", root, quiet, "celery", "-A", "wildmind.celery", "-q", "worker", "-P", "prefork", "-c", str(processes),
        "-Q", QUEUES, "--without-gossip", "--without-mingle", "-l", "warning", "-n", f"{node}@%h",
    )  # fmt: skip


def scheduler(root: Path, env: Mapping[str, str]) -> Command:
    return Command("scheduler", (sys.executable, "manage.py", "conductor"), root, env)


def wildmind(root: Path, env: Mapping[str, str]) -> list[Command]:
    return [web(root, env), worker(root, env), scheduler(root, env)]


def _module(name: str, root: Path, env: Mapping[str, str], module: str, *arguments: str) -> Command:
    return Command(name, (sys.executable, "-m", module, *arguments), root, env)
