from tests.providers.conformance.case import Case, Sample, picture
from tests.providers.servers.openai_compatible import CompatibleServer, Dialect

_IMAGE = {"prompt": "a fox", "width": 768, "height": 512, "seed": 7, "style": "auto"}
_TALK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What does the fox do?"}]
_SAMPLES = (
    Sample("own-image", _IMAGE, "image/png", cost_usd_micros=2_000, cost_source="formula"),
    Sample("own-image", {**_IMAGE, "operation": "edit"}, "image/png", (picture(), picture("mask"))),
    # 9 tokens in at 0.1 and 3 out at 0.4: 2.1, rounded up.
    Sample("own-text", {"messages": _TALK, "max_tokens": 200, "seed": 7}, "text/plain", cost_usd_micros=3),
    Sample("own-speech", {"text": "The fox sleeps.", "voice": "af_heart", "format": "wav"}, "audio/wav",
           cost_usd_micros=8, cost_source="formula"),
)  # fmt: skip
_FILM = {"prompt": "a fox runs", "duration_s": 6, "aspect_ratio": "9:16"}
CASES = [
    Case(
        kind="openai_compatible",
        server=CompatibleServer,
        base_path="/v1",
        samples=_SAMPLES,
        refusals=("refused_4xx", "refused_routed", "empty"),
        waits={"rate_limited": 3.0, "rate_limited_ms": 1.5},
        quota=("quota", "quota_429"),
        gone=("gone",),
        streams="own-text",
    ),
    # A server that keeps its pictures, behind a gateway with ways of its own.
    Case(
        kind="openai_compatible",
        server=lambda: CompatibleServer(
            Dialect(auth="api-key", errors="vllm", size="width_height", query={"api-version": "preview"})
        ),
        base_path="/v1",
        samples=_SAMPLES[:1],
        refusals=("refused_4xx", "empty"),
        waits={"rate_limited": 3.0},
        quota=("quota",),
        gone=("gone",),
        fetched=True,
        options={"auth": "api-key", "query": {"api-version": "preview"}, "image_size": "width_height",
                 "image_response_format": "url"},
    ),
    Case(
        kind="openai_compatible",
        server=CompatibleServer,
        base_path="/v1",
        samples=(
            # Eight seconds are made for six, and all eight are paid for.
            Sample("own-video", _FILM, "video/mp4", cost_usd_micros=80_000),
        ),
        refusals=("refused_4xx", "refused_late"),
        waits={"rate_limited": 3.0},
        quota=("quota",),
        gone=("gone",),
        asynchronous=True,
        failed=("failed_late",),
        cancels="requested",
        options={"video_cancel": True},
    ),
    Case(
        kind="openai_compatible",
        server=lambda: CompatibleServer(Dialect(errors="openrouter", film="native", cost=0.25)),
        base_path="/v1",
        samples=(
            Sample("routed-video", {**_FILM, "resolution": "1080p", "audio": False}, "video/mp4",
                   cost_usd_micros=250_000, cost_source="provider"),
        ),
        refusals=("refused_routed", "refused_late"),
        waits={"rate_limited": 3.0},
        quota=("quota",),
        gone=("gone",),
        asynchronous=True,
        failed=("failed_late",),
        fetched=True,
        options={"usage_cost": True, "video_result": "url"},
        absent={"no_usage": "the bill is with every film"},
    ),
]  # fmt: skip
