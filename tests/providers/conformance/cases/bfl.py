from tests.providers.conformance.case import Case, Sample, Signed, picture
from tests.providers.servers.bfl import BFLServer, signed

_IMAGE = {"prompt": "a fox", "width": 1024, "height": 1024, "seed": 7}
_SECRET = "a secret of the operator's"
CASES = [
    Case(
        kind="bfl",
        server=BFLServer,
        base_path="/v1",
        samples=(
            # Credits of a cent: three for the first megapixel, one and a half for each further one, put in or out.
            Sample("flux-2-pro", _IMAGE, "image/png", cost_usd_micros=30_000, cost_source="provider"),
            Sample("flux-2-pro", {**_IMAGE, "operation": "edit"}, "image/png", (picture(), picture("reference")),
                   cost_usd_micros=60_000, cost_source="provider"),
            Sample("flux-2-max", {**_IMAGE, "width": 1_536, "height": 1_024}, "image/png", cost_usd_micros=100_000,
                   cost_source="provider"),
            Sample("flux-2-flex", _IMAGE, "image/png", cost_usd_micros=50_000, cost_source="provider"),
            Sample("flux-2-klein-9b", {**_IMAGE, "format": "png"}, "image/png", cost_usd_micros=15_000,
                   cost_source="provider"),
        ),
        asynchronous=True,
        fetched=True,
        refusals=("request_moderated", "content_moderated"),
        waits={"rate_limited": 5.0, "rate_limited_header": 9.0},
        quota=("quota",),
        auth=("unauthorized", "forbidden"),
        failed=("failed",),
        options={"webhook_secret": _SECRET},
        sign=lambda server, name, at: Signed(*signed(_SECRET, name, at)),
    ),
]  # fmt: skip
