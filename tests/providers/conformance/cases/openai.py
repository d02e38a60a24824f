from tests.providers.conformance.case import Case, Sample, picture
from tests.providers.servers.openai import OpenAIServer

_IMAGE = {"prompt": "a fox", "width": 1024, "height": 1024, "quality": "low"}
CASES = [
    Case(
        kind="openai",
        server=OpenAIServer,
        base_path="/v1",
        samples=(
            # 5 tokens of text at 5 and 1,056 of a picture at 30 micro-dollars each.
            Sample("gpt-image-2.5-flare", _IMAGE, "image/png", cost_usd_micros=5 * 5 + 1_056 * 30),
            Sample("gpt-image-2.5-flare", {**_IMAGE, "operation": "edit"}, "image/png", (picture(),),
                   cost_usd_micros=5 * 5 + 1_056 * 30),
        ),
        refusals=("refused_4xx", "empty"),
        waits={"rate_limited": 3.0, "rate_limited_ms": 1.5},
        quota=("quota",),
        auth=("unauthorized", "forbidden"),
        gone=("gone",),
    ),
]  # fmt: skip
