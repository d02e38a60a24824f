import hashlib
import hmac

from tests.providers.conformance.case import Case, Sample, Signed
from tests.providers.servers.elevenlabs import ElevenLabsServer

_SECRET = "wsec_0123456789abcdef0123456789abcdef"
_LYRICS = "[Verse]\nSnow on the hill\nA fox stands still\n\n[Chorus]\nRun, run, run"


def signed(server, operation, at):
    body, stamp = b'{"type":"post_call_transcription","data":{}}', int(at.timestamp())
    digest = hmac.new(_SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return Signed({"ElevenLabs-Signature": f"t={stamp},v0={digest}"}, body)


CASES = [
    Case(
        kind="elevenlabs",
        server=ElevenLabsServer,
        samples=(
            # A minute is 3,000 credits of 100 micro-dollars at the server; speech 0.8 credits a character.
            Sample("eleven-music-2.5", {"prompt": "a slow waltz", "duration_s": 60, "instrumental": True}, "audio/mpeg",
                   cost_usd_micros=3_000 * 100),
            Sample("eleven-song-2.5", {"prompt": "folk, fiddle", "lyrics": _LYRICS, "duration_s": 30, "seed": 7,
                                       "negative_prompt": "drums"}, "audio/mpeg", cost_usd_micros=1_500 * 100),
            Sample("eleven-v4", {"text": "The fox sleeps.", "speed": 1.1, "language": "en", "seed": 7}, "audio/mpeg",
                   cost_usd_micros=12 * 100),
            Sample("eleven-flash-v2.5", {"text": "The fox sleeps.", "format": "opus"}, "audio/ogg"),
            Sample("eleven-sound-v3", {"prompt": "a creaking gate", "duration_s": 2.5, "loop": True, "format": "wav"},
                   "audio/wav", cost_usd_micros=1_200 * 100),
        ),
        refusals=("refused_prompt", "refused_plan"),
        waits={"rate_limited": 2.0},
        quota=("quota",),
        gone=("gone",),
        overloaded=("overloaded", "overloaded_503"),
        sign=signed,
        options={"webhook_secret": _SECRET},
    ),
]  # fmt: skip
