import base64
import hashlib
import hmac
import json
from dataclasses import replace

from tests.providers.conformance.case import Case, Sample, Signed, picture
from tests.providers.servers.google import GoogleServer

SECRET = "whsec_" + base64.b64encode(b"a shared secret of the project.!").decode()


def sign(server, operation, at):
    body = json.dumps({"type": "interaction.completed", "version": "v1", "data": {"id": operation}}).encode()
    stamp = str(int(at.timestamp()))
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    digest = hmac.new(key, f"msg_1.{stamp}.".encode() + body, hashlib.sha256).digest()
    # An old secret's signature comes first while both are good.
    both = "v1,AAAA v1," + base64.b64encode(digest).decode()
    return Signed({"webhook-id": "msg_1", "webhook-timestamp": stamp, "Webhook-Signature": both}, body)


_IMAGE = {"prompt": "a fox", "width": 1024, "height": 1024}
_LATER = Case(
    kind="google",
    server=GoogleServer,
    samples=(
        # 12 tokens in at 1.5, 10 of thought at 9 and 46,336 of film at 17.5 micro-dollars each.
        Sample("gemini-omni-1.2-flash",
               {"prompt": "a fox runs", "duration_s": 8, "aspect_ratio": "16:9", "resolution": "720p"},
               "video/mp4", cost_usd_micros=18 + 90 + 810_880),
        Sample("gemini-omni-1.2-flash", {"prompt": "it runs", "duration_s": 5, "operation": "from_picture"},
               "video/mp4", (picture("first_frame"),)),
        Sample("lyria-3.5", {"prompt": "a waltz", "instrumental": True, "format": "mp3"}, "audio/mpeg",
               cost_usd_micros=80_000, cost_source="formula"),
        # 12 tokens in at 1, 10 of thought and 250 of speech at 18 micro-dollars each.
        Sample("gemini-3.8-flash-tts", {"text": "Good day.", "voice": "Kore", "language": "en-GB", "format": "wav"},
               "audio/wav", cost_usd_micros=12 + 180 + 4_500),
    ),
    refusals=("refused_4xx", "failed_safety", "failed_step", "empty"),
    waits={"rate_limited": 34.0, "rate_limited_short": 1.5},
    quota=("quota", "balance"),
    auth=("unauthorized", "forbidden", "elsewhere"),
    gone=("gone",),
    asynchronous=True,
    failed=("failed_plainly",),
    cancels="cancelled",
    sign=sign,
    fetched=True,
    options={"webhook_secret": SECRET},
)  # fmt: skip
CASES = [
    _LATER,
    replace(
        _LATER,
        samples=(
            # 6 tokens in at 1.5, 40 of thought at 7.5 and 1,120 of a picture at 30 micro-dollars each.
            Sample("gemini-nano-banana-2.1", _IMAGE, "image/png", cost_usd_micros=9 + 300 + 33_600),
            Sample("gemini-nano-banana-2.1", {**_IMAGE, "operation": "edit"}, "image/png", (picture(),),
                   cost_usd_micros=9 + 300 + 33_600),
            Sample("gemini-3-pro-image", {"prompt": "a fox", "width": 2752, "height": 1536}, "image/png",
                   cost_usd_micros=12 + 480 + 1_680 * 120),
        ),
        refusals=("refused_4xx", "blocked_prompt", "image_safety", "no_image", "only_words", "empty"),
        asynchronous=False, failed=(), cancels="unsupported", sign=None, fetched=False, options={},
    ),
]  # fmt: skip
