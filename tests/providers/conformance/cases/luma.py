from tests.providers.conformance.case import Case, Sample
from tests.providers.servers.luma import LumaServer

_IMAGE = {"prompt": "a fox", "width": 1024, "height": 1024}
CASES = [
    Case(
        kind="luma",
        server=LumaServer,
        base_path="/dream-machine/v1",
        samples=(
            Sample("photon-1", _IMAGE, "image/png", cost_usd_micros=16_000, cost_source="formula"),
            Sample("photon-flash-1", {**_IMAGE, "style": "auto"}, "image/png", cost_usd_micros=4_000,
                   cost_source="formula"),
            # 1280 x 720 pixels, 24 times in each of 5 seconds: 110.592 million, at $0.0064 a million.
            Sample("ray-2", {"prompt": "a fox runs", "duration_s": 5, "resolution": "720p", "aspect_ratio": "16:9"},
                   "video/mp4", cost_usd_micros=707_789, cost_source="formula"),
            Sample("ray-flash-2", {"prompt": "a fox runs", "duration_s": 9, "resolution": "540p", "loop": True},
                   "video/mp4", cost_usd_micros=246_344, cost_source="formula"),
        ),
        asynchronous=True,
        fetched=True,
        finds=True,
        refusals=("refused_4xx", "moderated_later"),
        waits={"rate_limited": 4.0},
        quota=("quota", "quota_402"),
        auth=("unauthorized", "forbidden"),
        failed=("failed",),
    ),
]  # fmt: skip
