"""The answers of OpenAI's followers in our terms: each says what fails in its own way."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from typing import Any

from providers.adapters.openai import reading
from providers.contracts import Artifact, Done, Refused, Spent
from providers.errors import BadOutput, Lost, ProviderFailed
from providers.wire import Reply

_POLICY = {"moderation_blocked", "content_policy_violation", "content_filter", "content_moderation", "moderation"}


def error(reply: Reply) -> Mapping[str, Any]:
    """What an answer says that went wrong: empty if nothing, whatever shape it has.

    `{"error": {…}}`, `{"error": "…"}`, `{"object": "error", …}` and `{"detail": …}` are all in use.
    """
    body = reply.document()
    said = body.get("error")
    if isinstance(said, Mapping):
        return said
    if isinstance(said, str) and said:
        return {"message": said}
    if body.get("object") == "error":
        return body
    detail = body.get("detail")
    return {"message": detail if isinstance(detail, str) else ""} if detail else {}


def code(found: Mapping[str, Any]) -> str:
    """The word for what went wrong. Some servers repeat the status in its place, and have the word elsewhere."""
    for name in ("code", "type"):
        word = found.get(name)
        if isinstance(word, str) and word and not word.isdigit():
            return word
    return ""


def refusal(found: Mapping[str, Any]) -> Refused | None:
    """The refusal that an error is, if it is one."""
    metadata = found.get("metadata")
    if isinstance(metadata, Mapping) and isinstance(metadata.get("reasons"), list):
        return Refused("input", _names(metadata["reasons"]) or ("moderation",), "flagged")
    if code(found) not in _POLICY:
        return None
    inner = found.get("innererror") or {}
    filters = inner.get("content_filter_result") or inner.get("content_filter_results") or {}
    filtered = [name for name, verdict in filters.items() if isinstance(verdict, Mapping) and verdict.get("filtered")]
    if filtered:
        return Refused("input", _names(filtered), code(found))
    return reading.refusal(found) or Refused("input", (code(found),), code(found))


def picture(reply: Reply, media_type: str) -> Done | Refused:
    """An answer of /images, whose picture is in it or lies somewhere."""
    body = reply.document()
    if "data" not in body:
        raise BadOutput("An answer without a picture.")
    usage = body.get("usage") or {}
    spent = Spent(units={**reading.image_units(usage), **reading.dollars(usage)}, served_model=_served(body))
    first = next((item for item in body.get("data") or () if isinstance(item, Mapping)), {})
    if content := first.get("b64_json"):
        # A few give a data: address in this place.
        return Done((Artifact(media_type, reading.decoded(str(content).rpartition(",")[2])),), spent)
    if address := first.get("url"):
        return Done((Artifact(media_type, url=str(address)),), spent)
    return Refused("output", ("empty",), "no picture in the answer", spent)


def film(body: Mapping[str, Any], *, content_url: str, by_address: bool) -> Done | Refused | None:
    """What became of /videos/{id}; None while nothing has. Raises ProviderFailed or Lost.

    A word for a status that nobody knows means that it goes on.
    """
    status = str(body.get("status", "")).lower()
    if status in {"completed", "succeeded"}:
        where = _address(body) if by_address else content_url
        return Done((Artifact("video/mp4", url=where),), _film_spent(body)) if where else _nothing(body)
    if status == "expired":
        raise Lost("the provider says: expired")
    if status not in {"failed", "cancelled", "canceled"}:
        return None
    said = body.get("error")
    found: Mapping[str, Any] = said if isinstance(said, Mapping) else {}
    if (refused := refusal(found)) is not None:
        return replace(refused, stage="output", spent=_film_spent(body))
    raise ProviderFailed(f"the provider says: {status}", provider_code=code(found) or status)


def billed(outcome: Done | Refused) -> Done | Refused:
    """The outcome with what the server says that it cost, in dollars, as the bill."""
    said = outcome.spent.units.get("usd")
    if said is None:
        return outcome
    micros = int((said * 1_000_000).to_integral_value(ROUND_CEILING))
    return replace(outcome, spent=replace(outcome.spent, usd_micros=micros))


def _film_spent(body: Mapping[str, Any]) -> Spent:
    usage = body.get("usage") or {}
    units = reading.dollars(usage)
    if (seconds := _number(body.get("seconds"))) is not None:
        units["seconds"] = seconds
    return Spent(units=units, served_model=_served(body))


def _address(body: Mapping[str, Any]) -> str:
    for name in ("url", "video_url"):
        if isinstance(body.get(name), str):
            return str(body[name])
    for name in ("urls", "unsigned_urls"):
        if found := body.get(name):
            return str(found[0])
    return ""


def _nothing(body: Mapping[str, Any]) -> Refused:
    return Refused("output", ("empty",), "no film in the answer", _film_spent(body))


def _served(body: Mapping[str, Any]) -> str:
    return str(body.get("model") or "")


def _number(value: Any) -> Decimal | None:
    try:
        found = Decimal(str(value))
    except ArithmeticError:
        return None
    return found if found.is_finite() else None


def _names(found: Any) -> tuple[str, ...]:
    return tuple(str(name) for name in found)
