from dataclasses import replace

from tests.providers.conformance.case import Case, Sample, picture
from tests.providers.servers.bedrock import BedrockServer

_IMAGE = {"prompt": "a fox", "width": 1024, "height": 1024, "seed": 7}
_PICTURES = Case(
    kind="bedrock",
    server=BedrockServer,
    samples=(
        Sample("bedrock-stable-image-core", {**_IMAGE, "negative_prompt": "rain"}, "image/png",
               cost_usd_micros=40_000, cost_source="formula"),
        Sample("bedrock-stable-image-ultra", _IMAGE, "image/png", cost_usd_micros=140_000, cost_source="formula"),
        Sample("bedrock-sd3.5-large", {**_IMAGE, "operation": "variation", "strength": 0.4}, "image/png", (picture(),),
               cost_usd_micros=80_000, cost_source="formula"),
    ),
    refusals=("refused_4xx", "filtered_prompt", "filtered_output", "filtered_input", "empty"),
    quota=("quota", "quota_day"),
    auth=("unauthorized", "expired", "forbidden"),
    gone=("gone", "legacy", "unknown_model"),
    absent={"rate_limit": "AWS does not say how long to wait; that it is a rate limit is tried beside the suite"},
)  # fmt: skip
_ASKED = {"messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Who sleeps?"}],
          "max_tokens": 50, "temperature": 0.5}  # fmt: skip
CASES = [
    _PICTURES,
    replace(
        _PICTURES,
        samples=(
            # 9 tokens in at 0.3 and 3 out at 2.5 micro-dollars each, rounded up.
            Sample("bedrock-nova-2-lite", _ASKED, "text/plain", cost_usd_micros=11),
        ),
        refusals=("refused_4xx", "filtered_text"),
    ),
]
