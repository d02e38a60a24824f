"""The remote provider as a real server, and this process's way to it."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.utils import timezone

from generation import offers
from providers import registry
from wildmind.local import ports

ROOT = Path(__file__).resolve().parent.parent.parent
ADAPTERS = (
    "remote=bench.remote.adapter:RemoteAdapter",
    "remote_waiting=bench.remote.adapter:WaitingAdapter",
)
CATALOGUE = str(ROOT / "bench" / "remote" / "catalogue")


class Remote:
    """The provider's own view: what it was asked, what it would bill."""

    def __init__(self, url: str) -> None:
        self.url = url

    def journal(self) -> dict[str, Any]:
        return self._call("GET", "/journal", None)

    def set(self, *, seconds: float, **faults: float) -> None:
        self._call("PUT", "/faults", {"seconds": seconds, **faults})

    def _call(self, method: str, path: str, body: Any) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)


@contextmanager
def on_offer(settings: Any):
    """The provider's models beside the built-in engine; nobody calls it unless it is served too."""
    settings.PROVIDERS_EXTRA_ADAPTERS = list(ADAPTERS)
    settings.PROVIDERS_CATALOGUE_DIRS = [CATALOGUE]
    registry._paths.cache_clear()
    assert offers.sync(at=timezone.now()).refusals == ()
    yield
    registry._paths.cache_clear()
    registry.adapter.cache_clear()


@contextmanager
def serve(*, seconds: float = 0.3):
    port = ports.free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.remote.server", "--port", str(port), "--seconds", str(seconds)], cwd=ROOT
    )
    remote = Remote(f"http://127.0.0.1:{port}")
    before = os.environ.get("BENCH_PROVIDER_URL")
    os.environ["BENCH_PROVIDER_URL"] = remote.url
    try:
        _await(remote)
        yield remote
    finally:
        process.kill()
        process.wait()
        os.environ.pop("BENCH_PROVIDER_URL") if before is None else os.environ.update(BENCH_PROVIDER_URL=before)


def _await(remote: Remote) -> None:
    for _ in range(200):
        try:
            remote.journal()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the remote provider did not start")
