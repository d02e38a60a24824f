"""Records the wires of Luma's client: see tests.providers.oracles.recording."""

from lumaai import LumaAI

from tests.providers.oracles.recording import record
from tests.providers.servers.luma import LumaServer

_WORDS = {"prompt": "a fox runs", "callback_url": "https://wildmind.invalid/attempt"}
_SHAPE = {"aspect_ratio": "16:9", "resolution": "720p", "duration": "5s", "loop": True}


def _client(url: str) -> LumaAI:
    return LumaAI(auth_token=LumaServer.secret, base_url=f"{url}/dream-machine/v1", max_retries=0)


def _picture(model: str):
    return lambda url: _client(url).generations.image.create(model=model, aspect_ratio="1:1", format="png", **_WORDS)


def _film(model: str):
    return lambda url: _client(url).generations.video.create(model=model, **_SHAPE, **_WORDS)


if __name__ == "__main__":
    record(
        "luma", LumaServer(),
        {
            "photon-1-generate": _picture("photon-1"), "photon-flash-1-generate": _picture("photon-flash-1"),
            "ray-2-generate": _film("ray-2"), "ray-flash-2-generate": _film("ray-flash-2"),
        },
        package="lumaai",
    )  # fmt: skip
