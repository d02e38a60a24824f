from tests.providers.conformance.case import Case, Sample, picture
from tests.providers.servers.runway import RunwayServer

_FILM = {"prompt": "a fox runs", "duration_s": 5, "aspect_ratio": "16:9", "seed": 7}
_PICTURE = {"prompt": "a fox", "width": 1024, "height": 1024, "seed": 7}
CASES = [
    Case(
        kind="runway",
        server=RunwayServer,
        samples=(
            # Credits at a cent each: 36 and 12 for a second, 8 for a picture, 50 for a second of the recipe.
            Sample("runway-seedance-2.5", {**_FILM, "audio": True}, "video/mp4", cost_usd_micros=5 * 360_000,
                   cost_source="provider"),
            Sample("runway-gen-4.5", _FILM, "video/mp4", cost_usd_micros=5 * 120_000, cost_source="provider"),
            Sample("runway-gen-4.5", {**_FILM, "aspect_ratio": "1:1", "operation": "animate"}, "video/mp4",
                   (picture("first_frame"),)),
            Sample("runway-gen-4-image", _PICTURE, "image/png", cost_usd_micros=80_000, cost_source="provider"),
            Sample("runway-gen-4-image", {**_PICTURE, "width": 1376, "height": 768, "operation": "edit"}, "image/png",
                   (picture(), picture("reference"))),
            Sample("runway-product-ad", {"prompt": "calm morning light", "duration_s": 6, "audio": False}, "video/mp4",
                   (picture(), picture("reference")), cost_usd_micros=6 * 500_000, cost_source="provider"),
        ),
        refusals=("refused_input", "refused_output", "empty"),
        waits={"rate_limited": 7.0},
        quota=("quota",),
        gone=("gone",),
        asynchronous=True,
        failed=("failed",),
        cancels="cancelled",
        fetched=True,
    ),
]  # fmt: skip
