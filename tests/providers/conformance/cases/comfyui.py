from tests.providers.conformance.case import Case, Sample, picture
from tests.providers.servers.comfyui import ComfyUIServer

_IMAGE = {"prompt": "a fox", "negative_prompt": "snow", "width": 256, "height": 192, "seed": 7, "steps": 4}
CASES = [
    Case(
        kind="comfyui",
        server=ComfyUIServer,
        samples=(
            Sample("comfyui-text-to-image", _IMAGE, "image/png", cost_usd_micros=500, cost_source="formula"),
            Sample("comfyui-image-to-image", {"prompt": "a fox", "operation": "edit", "strength": 0.4}, "image/png",
                   (picture(),), cost_usd_micros=500, cost_source="formula"),
        ),
        waits={"rate_limited": 3.0},
        auth=("unauthorized", "forbidden"),
        gone=("gone",),
        asynchronous=True,
        failed=("failed",),
        cancels="requested",
        finds=True,
        fetched=True,
        keeps_at="/view",
        absent={"refusal": "a workflow refuses nothing", "foreign_host": "its files are at its own address"},
    ),
]  # fmt: skip
