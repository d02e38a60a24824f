"""What Google's APIs mean by an error: google.rpc.Status, in Gemini's API and in Vertex alike."""

import re
from collections.abc import Mapping
from typing import Any

from providers import faults
from providers.adapters.google.reading import is_judgement
from providers.contracts import Refused
from providers.errors import (
    AuthFailed,
    InvalidParams,
    ModelGone,
    ProviderError,
    ProviderFailed,
    QuotaExhausted,
    RateLimited,
)
from providers.wire import Reply

_SECONDS = re.compile(r"^(\d+(?:\.\d+)?)s$")
_EMPTY = re.compile(r"per.?day|limit: 0\b|prepay|credits are depleted|spend(ing)? (cap|limit)", re.IGNORECASE)
_LONGEST_WAIT_SECONDS = 3_600.0
_INVALID_ARGUMENT, _RESOURCE_EXHAUSTED = 3, 8


def meaning(reply: Reply, *, billable: bool) -> ProviderError | Refused:
    """The error or refusal that an answer is. `billable` says whether it answers a submission."""
    error = reply.document().get("error")
    error = error if isinstance(error, dict) else {}
    status, message = str(error.get("status") or error.get("code") or ""), str(error.get("message", ""))
    details = [item for item in error.get("details") or () if isinstance(item, dict)]
    reasons = {str(item["reason"]) for item in details if item.get("reason")}
    detail = f"status {reply.status}"
    if reply.status == 400 and reasons & {"API_KEY_INVALID", "API_KEY_EXPIRED"}:
        return AuthFailed(detail, provider_code=min(reasons))
    if reply.status == 400 and status.upper() == "FAILED_PRECONDITION":
        # The account's country, or its billing: nothing that a request can mend.
        return AuthFailed(detail, provider_code=status)
    if reply.status in {400, 422} and is_judgement(message=message):
        return Refused("input", ("policy",), status)
    if reply.status == 404 and billable:
        return ModelGone(detail, provider_code=status)
    if reply.status == 429:
        return _limited(reply, details, message, status)
    return faults.by_status(reply, billable=billable, code=status, message=message)


def of_operation(error: Mapping[str, Any]) -> ProviderError | Refused:
    """What ended an operation that had been taken: a google.rpc.Status with its code as a number."""
    code, message = int(error.get("code") or 0), str(error.get("message", ""))
    if is_judgement(message=message):
        return Refused("input", ("policy",), f"code {code}")
    if code == _RESOURCE_EXHAUSTED:
        return RateLimited(f"code {code}", provider_code="RESOURCE_EXHAUSTED")
    if code == _INVALID_ARGUMENT:
        return InvalidParams(f"code {code}", provider_code="INVALID_ARGUMENT")
    return ProviderFailed(f"code {code}", provider_code=str(code))


def _limited(reply: Reply, details: list[dict[str, Any]], message: str, status: str) -> ProviderError:
    """A day's quota that is used up, or a balance, is no matter of seconds."""
    quotas = [str(each.get("quotaId", "")) for item in details for each in item.get("violations") or ()]
    if any(_EMPTY.search(text) for text in (*quotas, *([] if quotas else [message]))):
        return QuotaExhausted(f"status {reply.status}", provider_code=status)
    said = next((found for item in details if (found := _SECONDS.match(str(item.get("retryDelay", ""))))), None)
    if said is None:
        return faults.by_status(reply, billable=True, code=status, message=message)
    seconds = min(float(said[1]), _LONGEST_WAIT_SECONDS)
    return RateLimited(f"status {reply.status}", retry_after_seconds=seconds, provider_code=status)
