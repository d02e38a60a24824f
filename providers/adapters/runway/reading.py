"""Tasks in our terms."""

from collections.abc import Mapping
from typing import Any, Literal

from providers.contracts import Artifact, Done, Refused, Spent
from providers.errors import InvalidParams, ProviderFailed

# A credit costs a cent, for everybody.
USD_MICROS_PER_CREDIT = 10_000
OVER = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})


def outcome(body: Mapping[str, Any], *, media_type: str, usd_micros_per_credit: int) -> Done | Refused | None:
    """What a task has come to; None while it runs, waits for its turn, or says something new. Raises ProviderError."""
    status = body.get("status")
    if status not in OVER:
        return None
    spent = _spent(body, usd_micros_per_credit)
    if status == "CANCELLED":
        raise ProviderFailed("canceled there", provider_code="CANCELLED")
    if status == "FAILED":
        return _failed(str(body.get("failureCode") or ""), spent)
    found = [url for url in body.get("output") or () if isinstance(url, str)]
    if not found:
        return Refused("output", ("empty",), "nothing in the answer", spent)
    return Done((Artifact(media_type, url=found[0]),), spent)


def progress(body: Mapping[str, Any]) -> float | None:
    value = body.get("progress")
    return min(max(float(value), 0.0), 1.0) if isinstance(value, int | float) else None


def _failed(code: str, spent: Spent) -> Refused:
    words = code.split(".")
    if "SAFETY" in words:
        stage: Literal["input", "output"] = "output" if "OUTPUT" in words else "input"
        return Refused(stage, (code.lower(),), code, spent)
    if code.startswith("ASSET.INVALID"):
        raise InvalidParams("a file that it cannot work with", field="input", provider_code=code)
    raise ProviderFailed("the task failed", provider_code=code or None)


def _spent(body: Mapping[str, Any], usd_micros_per_credit: int) -> Spent:
    """Runway's own bill for the task: nothing where it was given back."""
    cost = body.get("cost")
    credits = cost.get("credits") if isinstance(cost, dict) else None
    if isinstance(credits, bool) or not isinstance(credits, int | float):
        return Spent()
    return Spent(usd_micros=round(credits * usd_micros_per_credit))
