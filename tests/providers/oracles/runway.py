"""Records the wires of Runway's client: see tests.providers.oracles.recording."""

from runwayml import RunwayML

from tests.providers.oracles.recording import record
from tests.providers.servers.runway import RunwayServer

_URI = "data:image/png;base64,iVBORw0KGgo="
_FILM = {"prompt_text": "a fox", "ratio": "1280:720", "duration": 5, "seed": 7}
_PICTURE = {"model": "gen4_image", "prompt_text": "a fox", "ratio": "1024:1024", "seed": 7}


def _client(url: str) -> RunwayML:
    return RunwayML(api_key=RunwayServer.secret, base_url=url, max_retries=0)


def _advert(url: str):
    return _client(url).recipes.product_ad(
        version="2026-07", user_concept="calm", product_images=[{"uri": _URI}], style_images=[{"uri": _URI}],
        ratio="1280:720", duration=6, audio=False,
    )  # fmt: skip


if __name__ == "__main__":
    record(
        "runway", RunwayServer(),
        {
            "runway-seedance-2.5-generate": lambda url: _client(url).text_to_video.create(
                model="seedance2_5", audio=True, **_FILM),
            "runway-gen-4.5-generate": lambda url: _client(url).text_to_video.create(model="gen4.5", **_FILM),
            "runway-gen-4.5-animate": lambda url: _client(url).image_to_video.create(
                model="gen4.5", prompt_image=_URI, **_FILM),
            "runway-gen-4-image-generate": lambda url: _client(url).text_to_image.create(**_PICTURE),
            "runway-gen-4-image-edit": lambda url: _client(url).text_to_image.create(
                reference_images=[{"uri": _URI}], **_PICTURE),
            "runway-product-ad-generate": _advert,
        },
        package="runwayml", headers=("authorization", "x-runway-version"),
    )  # fmt: skip
