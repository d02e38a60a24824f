"""Predictions in our terms."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from providers.contracts import Artifact, Done, Handle, Outcome, Refused, Running, Spent
from providers.errors import BadOutput, DeadlinePassed, ProviderFailed, UnknownOutcome

_EVERY_SECONDS = 2.0
_NAME = re.compile(r"[a-z][a-z_0-9]{0,39}")
_CODE = re.compile(r"\b(E\d{3,4})\b")
_PERCENT = re.compile(r"(\d{1,3})%\|")
# A refusal has no status of its own: it is a failure whose sentence says so, in each model's words. A catalogue file
# may name more of them (`refused_when`).
_REFUSED_WHEN = (
    "nsfw", "e005", "flagged", "sensitive", "safety", "moderat", "content policy", "content_policy", "prohibited",
    "inappropriate",
)  # fmt: skip


def outcome(body: Mapping[str, Any], *, version: int, kept: Mapping[str, Any]) -> Outcome:
    """What a prediction has come to. `kept` is what its handle must remember. Raises ProviderError."""
    status = body.get("status")
    if status == "succeeded":
        return _done(body, kept)
    if status == "failed":
        return _failed(body, kept)
    if status == "canceled":
        raise ProviderFailed("canceled there", provider_code="canceled")
    if status == "aborted":
        raise DeadlinePassed("it was not begun in time", provider_code="aborted")
    identity = body.get("id")
    if not isinstance(identity, str) or not identity:
        raise UnknownOutcome("an answer without a prediction")
    every = float(kept.get("every", _EVERY_SECONDS))
    return Running(Handle(version, {**kept, "id": identity}), every, _progress(body.get("logs")))


def _done(body: Mapping[str, Any], kept: Mapping[str, Any]) -> Done | Refused:
    media_type = str(kept.get("media_type", ""))
    found = _files(body.get("output"), kept.get("output"))
    text = _text(body.get("output")) if media_type.startswith("text/") else ""
    spent = _spent(body, len(found))
    if text:
        return Done((Artifact(media_type, text.encode()),), spent)
    if not found:
        return Refused("output", ("empty",), "nothing in the answer", spent)
    return Done(tuple(Artifact(media_type, url=url) for url in found), spent)


def _failed(body: Mapping[str, Any], kept: Mapping[str, Any]) -> Refused:
    said = str(body.get("error") or "").lower()
    if any(word in said for word in (*_REFUSED_WHEN, *kept.get("refused_when", ()))):
        category = "nsfw" if "nsfw" in said else "content_policy"
        return Refused("output", (category,), "the model refused", _spent(body, 0))
    code = _CODE.search(said.upper())
    raise ProviderFailed("the prediction failed", provider_code=code[1] if code else None)


def _files(output: Any, name: str | None) -> list[str]:
    """The addresses in an output: a text, a list of them, or an object of either."""
    if isinstance(output, dict):
        output = output.get(name) if name else next((value for value in output.values() if _is_file(value)), None)
    items = output if isinstance(output, list) else [output]
    return [item for item in items if _is_file(item)]


def _is_file(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and _is_file(value[0])
    return isinstance(value, str) and value.startswith(("https://", "http://"))


def _text(output: Any) -> str:
    """Texts come whole, or in the pieces in which they were made."""
    pieces = output if isinstance(output, list) else [output]
    if not all(isinstance(piece, str) for piece in pieces):
        raise BadOutput("An answer without a text.")
    return "".join(pieces)


def _spent(body: Mapping[str, Any], files: int) -> Spent:
    """What was metered, under Replicate's names, and `predict_seconds`, for which models on hardware are billed."""
    metrics = body.get("metrics")
    metered = metrics.items() if isinstance(metrics, dict) else ()
    units = {
        name: Decimal(str(value)) for name, value in metered
        if isinstance(value, int | float) and not isinstance(value, bool) and _NAME.fullmatch(name)
    }  # fmt: skip
    if "predict_time" in units:
        units["predict_seconds"] = units.pop("predict_time")
    if units:
        units["outputs"] = Decimal(files)
    served = ":".join(str(body[name]) for name in ("model", "version") if body.get(name))
    return Spent(units=units, served_model=served)


def _progress(logs: Any) -> float | None:
    found = _PERCENT.findall(logs[-2_000:]) if isinstance(logs, str) else []
    return min(int(found[-1]), 100) / 100 if found else None
