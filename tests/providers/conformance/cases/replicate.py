import json

from tests.providers.conformance.case import Case, Sample, Signed, picture
from tests.providers.servers.replicate import WEBHOOK_SECRET, ReplicateServer, signed

_SQUARE = {"prompt": "a fox", "width": 1024, "height": 1024, "seed": 7}


def _sign(server, operation, at):
    body = json.dumps({"id": operation, "status": "succeeded", "output": ["https://evil.example/not-believed"]})
    return Signed(signed(WEBHOOK_SECRET, "msg-1", body.encode(), at), body.encode())


CASES = [
    Case(
        kind="replicate",
        server=ReplicateServer,
        base_path="/v1",
        samples=(
            # 4 seconds at 975 micro-dollars.
            Sample("replicate-sdxl", {**_SQUARE, "negative_prompt": "snow"}, "image/png", cost_usd_micros=4 * 975),
            Sample("replicate-flux-schnell", _SQUARE, "image/png", cost_usd_micros=3_000, cost_source="formula"),
            # A base and a megapixel and a bit.
            Sample("replicate-flux-2-pro", _SQUARE, "image/png", cost_usd_micros=15_000 + 15_729,
                   cost_source="formula"),
            Sample("replicate-flux-2-pro", {**_SQUARE, "operation": "edit"}, "image/png",
                   (picture(), picture("reference"))),
            Sample("replicate-seedance-1-pro",
                   {"prompt": "a fox runs", "duration_s": 5, "resolution": "480p", "aspect_ratio": "16:9", "seed": 7},
                   "video/mp4", cost_usd_micros=5 * 30_000, cost_source="formula"),
            Sample("replicate-seedance-1-pro",
                   {"prompt": "a fox runs", "duration_s": 6.5, "resolution": "720p", "operation": "animate"},
                   "video/mp4", (picture("first_frame"), picture("last_frame"))),
        ),
        refusals=("refused_failed", "refused_e005", "empty"),
        waits={"rate_limited": 30.0, "rate_limited_header": 4.0},
        quota=("quota",),
        gone=("gone",),
        asynchronous=True,
        failed=("failed",),
        cancels="cancelled",
        finds=True,
        sign=_sign,
        site="https://site.test",
        fetched=True,
        options={"webhook_secret": WEBHOOK_SECRET},
    ),
]  # fmt: skip
