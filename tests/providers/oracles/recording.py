"""What an official client sends for a sample, kept beside the suite, which holds our request to it (point 30).

An oracle runs by hand in an environment of its own, which has the official client and aiohttp and nothing of ours:
`python -m tests.providers.oracles.<kind>` in the root of the repository.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.providers.servers import ProtocolServer, serving

WIRES = Path(__file__).parent.parent / "conformance" / "wires"


def record(
    kind: str,
    server: ProtocolServer,
    calls: Mapping[str, Callable[[str], Any]],
    *,
    package: str,
    headers: Sequence[str] = ("authorization",),
) -> None:
    """Writes the wire of each sample: `calls` make them, given the server's address, each with one request."""
    found: dict[str, Any] = {"_recorded": {"package": package, "version": version(package)}}
    with serving(server):
        for name, call in calls.items():
            server.calls.clear()
            call(server.url)
            (sent,) = server.calls
            found[name] = {
                "method": sent.method, "path": sent.path,
                "body": sorted({*(sent.body or {}), *(part[0] for part in sent.files)}),
                "required_headers": sorted({"content-type", *headers} & {header.lower() for header in sent.headers}),
            }  # fmt: skip
    WIRES.mkdir(exist_ok=True)
    (WIRES / f"{kind}.json").write_text(json.dumps(found, indent=1) + "\n")


def recorded(call, *headers):
    """The method, path, body's keys and the headers that both clients must send, of a request."""
    sent = {name.lower() for name in call.headers}
    return {"method": call.method, "path": call.path, "body": sorted(call.body),
            "required_headers": [name for name in headers if name in sent]}  # fmt: skip


def written(name, found, *, client):
    """Keeps a provider's recording, with the version of the client that it is of."""
    WIRES.mkdir(exist_ok=True)
    found["_recorded"] = f"{client} {version(client)}"
    (WIRES / f"{name}.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
