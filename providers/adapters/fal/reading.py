"""What fal's models answer, in our terms."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from providers.contracts import Artifact, Done, Refused, Spent
from providers.errors import InvalidParams, ProviderError, ProviderFailed, QuotaExhausted
from providers.wire import Reply

# Where models put what they made; a catalogue file names another place (`output`).
_PLACES = ("images", "image", "video", "audio", "audio_file")
_POLICY = ("policy", "nsfw", "safety", "moderation")


def result(reply: Reply, *, place: str, media_type: str) -> Done | Refused:
    """The answer of a model that finished."""
    body = reply.document()
    spent = _spent(reply)
    flags = body.get("has_nsfw_concepts")
    if isinstance(flags, list) and any(flags):
        # What comes with it is black.
        return Refused("output", ("nsfw",), "flagged as not safe for work", spent)
    found = body.get(place) if place else next((body[name] for name in _PLACES if body.get(name)), None)
    items = [item for item in (found if isinstance(found, list) else [found]) if isinstance(item, dict)]
    meta = {"seed": body["seed"]} if isinstance(body.get("seed"), int) else {}
    artifacts = tuple(
        Artifact(str(item.get("content_type") or media_type), url=str(item["url"]), meta=meta)
        for item in items if item.get("url")
    )  # fmt: skip
    return Done(artifacts, spent) if artifacts else Refused("output", ("empty",), "nothing in the answer", spent)


def refusal(reply: Reply) -> Refused | None:
    """The refusal that an answer is, if it is one."""
    for fault in _faults(reply):
        kind = str(fault.get("type") or "")
        if any(word in kind for word in _POLICY):
            categories = tuple(str(name) for name in fault.get("categories") or ()) or (kind,)
            stage: Literal["input", "output"] = "output" if "output" in (fault.get("loc") or ()) else "input"
            return Refused(stage, categories, kind, _spent(reply))
    return None


def fault(reply: Reply) -> ProviderError | None:
    """What only fal's own words tell, if the answer has any."""
    if reply.status == 422:
        first = next(iter(_faults(reply)), {})
        field = next((str(part) for part in reversed(first.get("loc") or ()) if isinstance(part, str)), "")
        return InvalidParams("status 422", field=field, provider_code=str(first.get("type") or "") or None)
    said = reply.document().get("detail")
    # An empty account has no status and no code of its own.
    if reply.status == 403 and isinstance(said, str) and "balance" in said.lower():
        return QuotaExhausted("status 403")
    return None


def failure(reply: Reply) -> ProviderError | None:
    """How the work ended there; None for an answer that tells of the queue and not of the work."""
    kind = str(reply.document().get("error_type") or reply.headers.get("x-fal-error-type") or "")
    faults = _faults(reply)
    if not kind and not faults:
        return None
    code = kind or str(faults[0].get("type") or "")
    return ProviderFailed(f"status {reply.status}", provider_code=code or None)


def _faults(reply: Reply) -> list[Mapping[str, Any]]:
    detail = reply.document().get("detail")
    return [item for item in detail if isinstance(item, dict)] if isinstance(detail, list) else []


def _spent(reply: Reply) -> Spent:
    served = reply.headers.get("x-fal-served-from", "")
    try:
        units = Decimal(reply.headers["x-fal-billable-units"])
    except (KeyError, InvalidOperation):
        return Spent(served_model=served)
    return Spent(units={"billable_units": units} if units.is_finite() else {}, served_model=served)
