"""Black Forest Labs' answers in our terms."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from providers.contracts import Artifact, Done, Refused, Spent
from providers.errors import BadOutput, ProviderFailed

_FAILED = {"Error", "Failed"}


def fate(body: Mapping[str, Any], known: Mapping[str, Any], *, credit_usd_micros: int) -> Done | Refused | None:
    """What became of a task; None while it is under way, which any unknown word means. `known` is its handle. Raises
    ProviderFailed and BadOutput."""
    status = str(body.get("status") or "")
    if status == "Request Moderated":
        return Refused("input", _reasons(body), "the request was moderated")
    spent = _spent(body.get("cost", known.get("cost")), credit_usd_micros)
    if status == "Content Moderated":
        return Refused("output", _reasons(body), "the result was moderated", spent)
    if status in _FAILED:
        raise ProviderFailed("the task failed", provider_code=status)
    if status != "Ready":
        return None
    result = body.get("result")
    result = result if isinstance(result, dict) else {}
    if not isinstance(result.get("sample"), str):
        raise BadOutput("A result without an address.")
    seed = result.get("seed")
    meta = {"seed": seed} if isinstance(seed, int) else {}
    # A handle that came by webhook does not know what was asked for: the file says what it is.
    return Done((Artifact(str(known.get("media_type", "image/*")), url=result["sample"], meta=meta),), spent)


def progress(body: Mapping[str, Any]) -> float | None:
    """How far a task is, 0 to 1, where it says so."""
    found = body.get("progress")
    return min(max(float(found), 0.0), 1.0) if isinstance(found, int | float) else None


def _reasons(body: Mapping[str, Any]) -> tuple[str, ...]:
    details = body.get("details")
    found = details.get("Moderation Reasons") if isinstance(details, dict) else None
    return tuple(str(name) for name in found) if isinstance(found, list) and found else ("moderation",)


def _spent(credits: Any, credit_usd_micros: int) -> Spent:
    try:
        return Spent(usd_micros=round(Decimal(str(credits)) * credit_usd_micros))
    except (InvalidOperation, ValueError, OverflowError):
        return Spent()
