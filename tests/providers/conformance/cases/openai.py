from tests.providers.conformance.case import Case, Sample, picture
from tests.providers.servers.openai import OpenAIServer

_IMAGE = {"prompt": "a fox", "width": 1024, "height": 1024, "quality": "low"}
_TALK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What does the fox do?"}]
# 5 tokens of text at 5 and 1,056 of a picture at 30 micro-dollars each.
_COST = 5 * 5 + 1_056 * 30
CASES = [
    Case(
        kind="openai",
        server=OpenAIServer,
        base_path="/v1",
        samples=(
            Sample("gpt-image-2.5-flare", _IMAGE, "image/png", cost_usd_micros=_COST),
            Sample("gpt-image-2.5-flare", {**_IMAGE, "operation": "edit"}, "image/png", (picture(), picture("mask")),
                   cost_usd_micros=_COST),
            Sample("gpt-image-2.6-flare", {**_IMAGE, "background": "transparent"}, "image/png", cost_usd_micros=_COST),
            Sample("gpt-image-2.6-sunburst", {**_IMAGE, "width": 1536, "height": 864, "quality": "max"}, "image/png",
                   cost_usd_micros=_COST),
            # 9 tokens in at 0.1 and 3 out at 0.5: 2.4, rounded up.
            Sample("gpt-6-luna", {"messages": _TALK, "max_tokens": 200}, "text/plain", cost_usd_micros=3),
            Sample("gpt-4o-mini-tts", {"text": "The fox sleeps in the snow.", "voice": "marin", "speed": 1.25,
                                       "instructions": "Whisper.", "format": "mp3"}, "audio/mpeg",
                   cost_usd_micros=27 * 16, cost_source="formula"),
            Sample("omni-moderation", {"text": "a fox"}, "application/json", cost_usd_micros=0, cost_source="formula"),
        ),
        refusals=("refused_4xx", "empty"),
        waits={"rate_limited": 3.0, "rate_limited_ms": 1.5},
        quota=("quota",),
        auth=("unauthorized", "forbidden"),
        gone=("gone",),
        streams="gpt-6-luna",
    ),
]  # fmt: skip
