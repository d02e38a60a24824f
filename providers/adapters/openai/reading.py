"""OpenAI's answers in our terms."""

import base64
import binascii
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

import orjson

from providers.contracts import Artifact, Done, Refused, Spent
from providers.errors import BadOutput
from providers.wire import Reply


def picture(reply: Reply, media_type: str) -> Done | Refused:
    """An answer of /images. One without a picture is a refusal that was not called one."""
    body = reply.document()
    if not isinstance(body.get("data"), list):
        raise BadOutput("An answer that is none of /images.")
    found = [item.get("b64_json") for item in body["data"] if isinstance(item, dict)]
    spent = Spent(units=image_units(body.get("usage") or {}), served_model=str(body.get("model", "")))
    if not found or not found[0]:
        return Refused("output", ("empty",), "no picture in the answer", spent)
    return Done((Artifact(media_type, decoded(found[0])),), spent)


def text(body: Mapping[str, Any]) -> Done | Refused:
    """An answer of /chat/completions, or what a stream of one came to."""
    spent = Spent(units=token_units(body.get("usage") or {}), served_model=str(body.get("model", "")))
    choice = next(iter(body.get("choices") or ()), None) or {}
    message = choice.get("message") or {}
    if choice.get("finish_reason") == "content_filter" or message.get("refusal"):
        return Refused("output", ("content_filter",), "the model refused", spent)
    content = message.get("content")
    if not isinstance(content, str) or not content:
        raise BadOutput("An answer without a text.")
    return Done((Artifact("text/plain", content.encode(), meta={"finish": choice.get("finish_reason")}),), spent)


def verdict(reply: Reply) -> Done:
    """An answer of /moderations: what was flagged and how sure it is, as JSON."""
    results = reply.document().get("results") or []
    if not results:
        raise BadOutput("An answer without a verdict.")
    first = results[0]
    categories = sorted(name for name, is_so in (first.get("categories") or {}).items() if is_so)
    scores = first.get("category_scores") or {}
    found = {"flagged": bool(first.get("flagged")), "categories": categories, "scores": scores}
    return Done((Artifact("application/json", orjson.dumps(found)),))


def refusal(error: Mapping[str, Any]) -> Refused | None:
    """The refusal that an error is, if it is one."""
    code = error.get("code")
    if code not in {"moderation_blocked", "content_policy_violation", "content_filter"}:
        return None
    details = error.get("moderation_details") or {}
    stage: Literal["input", "output"] = "output" if details.get("moderation_stage") == "output" else "input"
    categories = tuple(str(name) for name in details.get("categories") or (code,))
    return Refused(stage, categories, str(code))


def token_units(usage: Mapping[str, Any]) -> dict[str, Decimal]:
    """Tokens in and out, for cost expressions, and `usd` where a bill is among them. Empty when nothing was said."""
    names = {"tokens_in": "prompt_tokens", "tokens_out": "completion_tokens"}
    found = {ours: Decimal(usage[theirs]) for ours, theirs in names.items() if isinstance(usage.get(theirs), int)}
    return {**found, **dollars(usage)}


def dollars(usage: Mapping[str, Any]) -> dict[str, Decimal]:
    """What a usage says that it cost. OpenAI itself names no bill; some that speak its words do."""
    cost = usage.get("cost")
    return {"usd": Decimal(str(cost))} if isinstance(cost, int | float) and not isinstance(cost, bool) else {}


def image_units(usage: Mapping[str, Any]) -> dict[str, Decimal]:
    """Tokens of text and pictures, for cost expressions. Empty when the provider did not say."""
    if not isinstance(usage.get("output_tokens"), int):
        return {}
    details = usage.get("input_tokens_details") or {}
    # Without details what comes out is image, and what goes in is text.
    return {
        "text_in": Decimal(details.get("text_tokens", usage.get("input_tokens", 0))),
        "image_in": Decimal(details.get("image_tokens", 0)), "image_out": Decimal(usage["output_tokens"]),
    }  # fmt: skip


def decoded(text: Any) -> bytes:
    """Bytes from base64. Raises BadOutput."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as exc:
        raise BadOutput("A file that is no base64.") from exc
