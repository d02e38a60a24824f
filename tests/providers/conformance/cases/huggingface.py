from tests.providers.conformance.case import Case, Sample
from tests.providers.servers.huggingface import HuggingFaceServer

_IMAGE = {"prompt": "a fox", "width": 768, "height": 512, "seed": 7}
CASES = [
    Case(
        kind="huggingface",
        server=HuggingFaceServer,
        base_path="/hf-inference",
        samples=(
            # 4.5 seconds at 120 micro-dollars.
            Sample("flux-1-schnell-hf", _IMAGE, "image/png", cost_usd_micros=540),
            Sample("sdxl-base-hf", {**_IMAGE, "negative_prompt": "snow"}, "image/png", cost_usd_micros=540),
        ),
        waits={"rate_limited": 12.0},
        quota=("quota",),
        auth=("unauthorized", "forbidden"),
        gone=("gone", "retired"),
        absent={"refusal": "weights are run as they are: nothing here says that it will not"},
    ),
]  # fmt: skip
