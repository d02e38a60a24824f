"""The answers of models on Bedrock in our terms."""

import base64
import binascii
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from providers import faults
from providers.contracts import Artifact, Done, Refused, Spent
from providers.errors import (
    AuthFailed,
    BadOutput,
    ModelGone,
    ProviderError,
    ProviderFailed,
    QuotaExhausted,
)
from providers.wire import Reply

_JUDGED = re.compile(
    r"content filter|responsible ai|acceptable use|content polic|blocked by|was blocked|been blocked", re.IGNORECASE
)
_GONE = re.compile(r"end of its life|marked by provider as legacy|model identifier is invalid", re.IGNORECASE)
_DAYS = re.compile(r"per day|daily", re.IGNORECASE)
_AUTH = {"ExpiredTokenException", "InvalidSignatureException", "UnrecognizedClientException"}


def answer(reply: Reply, about: Mapping[str, Any]) -> Done | Refused:
    """An answer of InvokeModel. Raises ProviderError."""
    body = reply.json()
    if not isinstance(body, dict):
        raise BadOutput("An answer that is no JSON.")
    return _picture(body, about["media_type"]) if about["family"] == "stability" else _text(body)


def meaning(reply: Reply, *, billable: bool) -> ProviderError | Refused:
    """The error or refusal that an answer is."""
    message = str(reply.document().get("message") or reply.document().get("Message") or "")
    # The service's name may follow after a colon.
    code = reply.headers.get("x-amzn-errortype", "").partition(":")[0].rpartition("#")[2]
    detail = f"status {reply.status}"
    if code in _AUTH:
        return AuthFailed(detail, provider_code=code)
    if code == "ResourceNotFoundException" or (reply.status in {400, 403} and _GONE.search(message)):
        return ModelGone(detail, provider_code=code)
    if reply.status == 400 and _JUDGED.search(message):
        return Refused("input", ("policy",), code)
    if code == "ServiceQuotaExceededException" or (reply.status == 429 and _DAYS.search(message)):
        return QuotaExhausted(detail, provider_code=code)
    if code == "ModelErrorException":
        return ProviderFailed(detail, provider_code=code)
    return faults.by_status(reply, billable=billable, code=code, message=message)


def _picture(body: Mapping[str, Any], media_type: str) -> Done | Refused:
    reason = next(iter(body.get("finish_reasons") or ()), None)
    if reason == "Inference error":
        raise ProviderFailed("the model failed", provider_code=reason)
    if reason:
        stage = str(reason).partition(":")[2].strip().lower()
        return Refused("output" if "output" in stage else "input", (f"filter {stage}".strip(),), str(reason)[:80])
    images = body.get("images") or ()
    if not images or not images[0]:
        return Refused("output", ("empty",), "no picture in the answer")
    try:
        content = base64.b64decode(images[0], validate=True)
    except (binascii.Error, TypeError, ValueError) as exc:
        raise BadOutput("A file that is no base64.") from exc
    seed = next(iter(body.get("seeds") or ()), None)
    return Done((Artifact(media_type, content, meta={} if seed is None else {"seed": seed}),))


def _text(body: Mapping[str, Any]) -> Done | Refused:
    usage = body.get("usage") or {}
    names = {"tokens_in": "inputTokens", "tokens_out": "outputTokens"}
    units = {ours: Decimal(usage[theirs]) for ours, theirs in names.items() if isinstance(usage.get(theirs), int)}
    spent = Spent(units=units if len(units) == len(names) else {})
    stop = str(body.get("stopReason", ""))
    if stop in {"content_filtered", "guardrail_intervened"}:
        return Refused("output", (stop,), "the model refused", spent)
    content = ((body.get("output") or {}).get("message") or {}).get("content") or ()
    said = "".join(str(item.get("text", "")) for item in content if isinstance(item, dict))
    if not said:
        raise BadOutput("An answer without a text.")
    return Done((Artifact("text/plain", said.encode(), meta={"finish": stop}),), spent)
