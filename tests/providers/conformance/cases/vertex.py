from dataclasses import replace

from tests.providers.conformance.case import Case, Sample, picture
from tests.providers.servers.vertex import VertexServer

_FILM = {"prompt": "a fox runs", "duration_s": 8, "aspect_ratio": "16:9", "resolution": "1080p", "seed": 7}
_LATER = Case(
    kind="vertex",
    server=VertexServer,
    samples=(
        Sample("vertex-veo-3.1-lite", {**_FILM, "audio": True, "negative_prompt": "rain"}, "video/mp4",
               cost_usd_micros=8 * 80_000, cost_source="formula"),
        Sample("vertex-veo-3.1", {"prompt": "a fox", "duration_s": 4, "operation": "from_frames"}, "video/mp4",
               (picture("first_frame"), picture("last_frame")), cost_usd_micros=4 * 400_000, cost_source="formula"),
        Sample("vertex-veo-3.1", {"prompt": "a fox", "operation": "from_references"}, "video/mp4",
               (picture("reference"), picture("reference"))),
    ),
    refusals=("refused_4xx", "failed_policy", "filtered", "empty"),
    waits={"rate_limited": 34.0, "rate_limited_short": 1.5},
    quota=("quota",),
    auth=("unauthorized", "forbidden"),
    gone=("gone",),
    asynchronous=True,
    failed=("failed_plainly",),
)  # fmt: skip
CASES = [
    _LATER,
    replace(
        _LATER,
        samples=(
            Sample("vertex-nano-banana-2.1", {"prompt": "a fox", "width": 1376, "height": 768}, "image/png",
                   cost_usd_micros=9 + 300 + 33_600),
        ),
        refusals=("refused_4xx", "blocked_prompt", "image_safety", "no_image", "empty"),
        asynchronous=False, failed=(),
    ),
]  # fmt: skip
