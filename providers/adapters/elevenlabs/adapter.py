"""ElevenLabs: speech, music, songs with lyrics, sound effects. The answer is the sound; nothing can be looked up."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any, ClassVar

from providers import faults, http
from providers.adapters.at_once import AtOnce
from providers.adapters.elevenlabs import mapping
from providers.contracts import (
    Artifact,
    CanonicalRequest,
    Connection,
    Ctx,
    Done,
    Handle,
    Health,
    Needs,
    Outcome,
    Placement,
    Refused,
    Revision,
    Spent,
    WirePlan,
)
from providers.errors import (
    BadSignature,
    InvalidParams,
    ModelGone,
    Overloaded,
    ProviderError,
    QuotaExhausted,
    RateLimited,
)
from providers.wire import Reply, retry_after_seconds

_TOLERANCE_SECONDS = 300
_REFUSALS = {"bad_prompt", "bad_composition_plan", "content_against_policy"}
# Their places in a request, in our words.
_FIELDS = {
    "voice_id": "voice", "text": "text", "prompt": "prompt", "music_length_ms": "duration_s",
    "duration_seconds": "duration_s", "composition_plan": "lyrics", "language_code": "language", "seed": "seed",
    "output_format": "format", "voice_settings": "speed",
}  # fmt: skip
_NAMED = {"voice_not_found": "voice", "max_character_limit_exceeded": "text"}


class ElevenLabsAdapter(AtOnce):
    """`options`: `zero_retention` (nothing is kept there; enterprise accounts only), `usd_micros_per_credit` (what a
    credit costs this account; the answer says how many it took), `webhook_secret`."""

    kind: ClassVar[str] = "elevenlabs"
    placement: ClassVar[Placement] = "io"
    needs: ClassVar[Needs] = Needs("https://api.elevenlabs.io", "ELEVENLABS_API_KEY")

    def plan(self, revision: Revision, request: CanonicalRequest) -> WirePlan:
        return mapping.plan(revision, request)

    async def submit(self, ctx: Ctx, plan: WirePlan, token: str) -> Outcome:
        if ctx.connection.options.get("zero_retention"):
            plan = replace(plan, query={**plan.query, "enable_logging": "false"})
        reply = await http.send(ctx, plan, headers=self.authorize(ctx.connection))
        if reply.status != 200:
            return faults.refused_or_raised(self.classify(reply, billable=True))
        names = {"song_id": "song-id", "request_id": "request-id"}
        meta = {ours: reply.headers[theirs] for ours, theirs in names.items() if theirs in reply.headers}
        artifact = Artifact(str(plan.about["media_type"]), reply.body, meta=meta)
        return Done((artifact,), _spent(reply, ctx.connection))

    def authorize(self, connection: Connection) -> Mapping[str, str]:
        return {"xi-api-key": connection.secret.reveal()} if connection.secret else {}

    def classify(self, reply: Reply, *, billable: bool) -> ProviderError | Refused:
        detail = reply.document().get("detail")
        if isinstance(detail, list):
            return InvalidParams(f"status {reply.status}", field=_place(detail), provider_code="validation")
        detail = detail if isinstance(detail, dict) else {}
        code = str(detail.get("status") or detail.get("code") or "")
        said = f"status {reply.status}"
        if code in _REFUSALS:
            return Refused("input", (code,), code)
        if code == "quota_exceeded":
            return QuotaExhausted(said, provider_code=code)
        if code == "too_many_concurrent_requests":
            return RateLimited(said, retry_after_seconds=retry_after_seconds(reply.headers), provider_code=code)
        if code == "system_busy":
            return Overloaded(said, retry_after_seconds=retry_after_seconds(reply.headers), provider_code=code)
        if code == "model_not_found":
            return ModelGone(said, provider_code=code)
        if code in _NAMED or (reply.status in {400, 404} and detail.get("param")):
            field = _NAMED.get(code) or _FIELDS.get(str(detail.get("param")), "")
            return InvalidParams(said, field=field, provider_code=code)
        return faults.by_status(reply, billable=billable, code=code, message=str(detail.get("message", "")))

    def verify_webhook(
        self, connection: Connection, headers: Mapping[str, str], body: bytes, at: datetime
    ) -> Handle | None:
        """`ElevenLabs-Signature: t=<unix>,v0=<hex>`. What it tells of is never one of ours, whose answers come at
        once, so no handle is given."""
        secret = str(connection.options.get("webhook_secret") or "")
        said = next((value for name, value in headers.items() if name.lower() == "elevenlabs-signature"), "")
        parts = [part.strip().partition("=") for part in said.split(",")]
        stamp = next((value for name, _, value in parts if name == "t"), "")
        if not secret or not (stamp.isascii() and stamp.isdigit()):
            raise BadSignature("no signature")
        if abs(at.timestamp() - int(stamp)) > _TOLERANCE_SECONDS:
            raise BadSignature("out of its time")
        right = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        if not any(hmac.compare_digest(value.encode(), right.encode()) for name, _, value in parts if name == "v0"):
            raise BadSignature("another's signature")
        return None

    async def probe(self, ctx: Ctx) -> Health:
        reply = await http.call(
            "GET", ctx.connection.url("/v1/models"), connection=ctx.connection, headers=self.authorize(ctx.connection)
        )
        return Health(reply.status == 200, f"status {reply.status}")


def _spent(reply: Reply, connection: Connection) -> Spent:
    """The credits that it took, where the answer says so, and dollars where the account's price of one is known."""
    try:
        credits = Decimal(reply.headers.get("character-cost", ""))
    except InvalidOperation:
        return Spent()
    if not credits.is_finite() or credits < 0:
        return Spent()
    price = connection.options.get("usd_micros_per_credit")
    bill = None if price is None else int((credits * Decimal(str(price))).to_integral_value(ROUND_CEILING))
    return Spent(usd_micros=bill, units={"credits": credits})


def _place(errors: list[Any]) -> str:
    """The setting of the first error of a validation, in our words."""
    first = errors[0] if errors and isinstance(errors[0], dict) else {}
    where = [str(part) for part in first.get("loc") or ()]
    return next((_FIELDS[part] for part in where if part in _FIELDS), "")
