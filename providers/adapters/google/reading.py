"""Gemini's answers in our terms."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from providers.contracts import Artifact, Done, Handle, Outcome, Refused, Running, Spent
from providers.errors import BadOutput, ProviderFailed, QuotaExhausted, UnknownOutcome
from providers.wire import Reply

_POLL_SECONDS = 5.0
_MEDIA = {"video", "audio", "image"}
# The model stopped for reasons that are no judgement of what was asked.
_NO_JUDGEMENT = {"MAX_TOKENS", "MALFORMED_RESPONSE", "MALFORMED_FUNCTION_CALL", "LANGUAGE", "CONTINUATION"}
_CODES = re.compile(
    r"safety|blocked|blocklist|prohibited|recitation|spii|jailbreak|model_armor|policy|filtered", re.IGNORECASE
)
_SENTENCES = re.compile(
    r"responsible ai|usage guidelines|content polic|prohibited (use|content)|sensitive words|violat|safety filter"
    r"|safety polic|blocked by|was blocked|were blocked",
    re.IGNORECASE,
)


def is_judgement(*, code: str = "", message: str = "") -> bool:
    """Whether a provider's code or sentence says that it will not make this."""
    return bool(_CODES.search(code) or _SENTENCES.search(message))


def picture(reply: Reply) -> Done | Refused:
    """An answer of generateContent. A 200 without a picture is a refusal, by whatever name. Raises BadOutput."""
    body = reply.json()
    if not isinstance(body, dict):
        raise BadOutput("An answer that is no JSON.")
    spent = _spent_on_picture(body)
    blocked = (body.get("promptFeedback") or {}).get("blockReason")
    if blocked:
        return Refused("input", (str(blocked).lower(),), "the prompt was blocked", spent)
    candidate = _first(body.get("candidates"))
    for part in (candidate.get("content") or {}).get("parts") or ():
        inline = part.get("inlineData")
        # A thinking model shows drafts too.
        if inline and not part.get("thought"):
            return Done((Artifact(str(inline.get("mimeType", "")), decoded(inline.get("data"))),), spent)
    reason = str(candidate.get("finishReason") or "")
    if reason in _NO_JUDGEMENT:
        raise BadOutput(f"No picture: {reason}.")
    return Refused("output", (reason.lower() if reason not in {"", "STOP"} else "empty",), "no picture", spent)


def accepted(reply: Reply) -> Outcome:
    """The answer to a new interaction. One that does not name it cannot be asked about. Raises UnknownOutcome."""
    body = reply.document()
    if not body.get("id"):
        raise UnknownOutcome("an interaction without a name")
    return interaction(body)


def interaction(body: Mapping[str, Any]) -> Outcome:
    """An interaction as it stands. Words for a state that are not known mean that it goes on. Raises ProviderError."""
    status = str(body.get("status", ""))
    match status:
        case "completed":
            return _made(body)
        case "failed":
            return _failed(body)
        case "budget_exceeded":
            raise QuotaExhausted("the interaction's budget", provider_code=status)
        case "cancelled" | "incomplete" | "requires_action" | "requires_continuation":
            raise ProviderFailed(f"the interaction is {status}", provider_code=status)
        case _:
            return Running(handle(str(body.get("id", ""))), _POLL_SECONDS)


def handle(name: str) -> Handle:
    """The name of an interaction, to go on by."""
    return Handle(1, {"interaction": name})


def _made(body: Mapping[str, Any]) -> Done | Refused:
    spent = Spent(units=_units(body.get("usage") or {}), served_model=str(body.get("model", "")))
    for content in _contents(body):
        if content.get("type") not in _MEDIA:
            continue
        media_type = str(content.get("mime_type") or f"{content['type']}/")
        if content.get("data"):
            return Done((Artifact(media_type, decoded(content["data"])),), spent)
        if content.get("uri"):
            return Done((Artifact(media_type, url=str(content["uri"])),), spent)
    return _failed(body) if _complaints(body) else Refused("output", ("empty",), "nothing in the answer", spent)


def _failed(body: Mapping[str, Any]) -> Refused:
    for code, message in _complaints(body):
        if is_judgement(code=code, message=message):
            spent = Spent(units=_units(body.get("usage") or {}), served_model=str(body.get("model", "")))
            return Refused("output", (_name(code) or "safety",), "the interaction was refused", spent)
    raise ProviderFailed("the interaction failed", provider_code=next((code for code, _ in _complaints(body)), None))


def _complaints(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = [item for item in body.get("errors") or () if isinstance(item, dict)]
    found += [step["error"] for step in body.get("steps") or () if isinstance(step.get("error"), dict)]
    return [(str(item.get("code", "")), str(item.get("message", ""))) for item in found]


def _name(code: str) -> str:
    """The last word of a code, which may be an address."""
    last = code.rstrip("/").rpartition("/")[2].lower()
    return "" if last.isdigit() else last


def _contents(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for step in body.get("steps") or ():
        if step.get("type") == "model_output":
            yield from (item for item in step.get("content") or () if isinstance(item, dict))


def _units(usage: Mapping[str, Any]) -> dict[str, Decimal]:
    """Tokens in and, by kind, out. Empty when the provider did not say what kind they were."""
    by_kind = usage.get("output_tokens_by_modality")
    if not isinstance(by_kind, list) or not isinstance(usage.get("total_input_tokens"), int):
        return {}
    found = {f"{kind}_out": Decimal(0) for kind in ("text", *sorted(_MEDIA))}
    found["tokens_in"] = Decimal(usage["total_input_tokens"])
    for item in by_kind:
        name = f"{str(item.get('modality', 'text')).lower()}_out"
        found[name] = found.get(name, Decimal(0)) + Decimal(item.get("tokens") or 0)
    found["text_out"] += Decimal(usage.get("total_thought_tokens") or 0)
    return found


def _spent_on_picture(body: Mapping[str, Any]) -> Spent:
    usage = body.get("usageMetadata") or {}
    served = str(body.get("modelVersion", ""))
    if not isinstance(usage.get("promptTokenCount"), int):
        return Spent(served_model=served)
    kinds = usage.get("candidatesTokensDetails") or ()
    images = sum(int(item.get("tokenCount") or 0) for item in kinds if item.get("modality") == "IMAGE")
    out = int(usage.get("candidatesTokenCount") or 0) or images
    words = out - images + int(usage.get("thoughtsTokenCount") or 0)
    if out and not images:
        # Without details what comes out is the picture.
        images, words = out, int(usage.get("thoughtsTokenCount") or 0)
    units = {
        "tokens_in": Decimal(usage["promptTokenCount"]), "image_out": Decimal(images), "text_out": Decimal(words),
    }  # fmt: skip
    return Spent(units=units, served_model=served)


def decoded(text: Any) -> bytes:
    """Bytes from base64. Raises BadOutput."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as exc:
        raise BadOutput("A file that is no base64.") from exc


def _first(items: Any) -> Mapping[str, Any]:
    found = next(iter(items or ()), None)
    return found if isinstance(found, dict) else {}
