"""Records the wires of Replicate's client: see tests.providers.oracles.recording."""

import replicate

from tests.providers.oracles.recording import record
from tests.providers.servers.replicate import SDXL, ReplicateServer

_TOLD = {"webhook": "https://site.test/hooks/1", "webhook_events_filter": ["completed"]}


def _client(url: str) -> replicate.Client:
    return replicate.Client(api_token=ReplicateServer.secret, base_url=url)


def _version(url: str):
    return _client(url).predictions.create(version=SDXL, input={"prompt": "a fox", "width": 1024}, **_TOLD)


def _model(name: str):
    return lambda url: _client(url).models.predictions.create(name, {"prompt": "a fox"}, **_TOLD)


if __name__ == "__main__":
    record(
        "replicate", ReplicateServer(),
        {
            "replicate-sdxl-generate": _version,
            "replicate-flux-schnell-generate": _model("black-forest-labs/flux-schnell"),
            "replicate-flux-2-pro-generate": _model("black-forest-labs/flux-2-pro"),
            "replicate-flux-2-pro-edit": _model("black-forest-labs/flux-2-pro"),
            "replicate-seedance-1-pro-generate": _model("bytedance/seedance-1-pro"),
        },
        package="replicate",
    )  # fmt: skip
