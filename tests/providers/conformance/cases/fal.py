import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.providers.conformance.case import Case, Sample, Signed, picture
from tests.providers.servers.fal import KEY, FalServer, public, signed

_SQUARE = {"prompt": "a fox", "width": 1024, "height": 1024, "seed": 7}
_FILM = {"prompt": "a fox runs", "duration_s": 8, "aspect_ratio": "16:9"}


def _sign(server, operation, at):
    body = json.dumps({"request_id": operation, "gateway_request_id": operation, "status": "OK", "payload": {}})
    return Signed(signed(KEY, operation, body.encode(), at), body.encode())


CASES = [
    Case(
        kind="fal",
        server=FalServer,
        samples=(
            # A megapixel at 3,000 micro-dollars.
            Sample("fal-flux-schnell", _SQUARE, "image/png", cost_usd_micros=3_000),
            Sample("fal-flux-2-pro", _SQUARE, "image/png", cost_usd_micros=15_000 + 15_000),
            Sample("fal-flux-2-pro", {**_SQUARE, "operation": "edit"}, "image/png",
                   (picture(), picture("reference"))),
            # It bills what it made, 8.008 seconds, at ten cents each.
            Sample("fal-veo-3.1-fast", _FILM, "video/mp4", cost_usd_micros=800_800),
            Sample("fal-veo-3.1-fast", {**_FILM, "duration_s": 5, "operation": "animate"}, "video/mp4",
                   (picture("first_frame"),)),
        ),
        refusals=("refused_4xx", "refused_200", "refused_later", "empty"),
        waits={"rate_limited": 6.0},
        quota=("quota",),
        gone=("gone",),
        asynchronous=True,
        failed=("failed", "infra_failed"),
        cancels="requested",
        sign=_sign,
        stranger={"webhook_keys": [public(Ed25519PrivateKey.from_private_bytes(b"g" * 32))]},
        site="https://site.test",
        fetched=True,
        options={"webhook_keys": [public(KEY)]},
    ),
]  # fmt: skip
