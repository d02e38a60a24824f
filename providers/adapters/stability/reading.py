"""Stability's answers in our terms."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from providers.contracts import Artifact, Done, Refused
from providers.errors import BadOutput, ProviderFailed, UnknownOutcome
from providers.wire import Reply


def result(reply: Reply, about: Mapping[str, Any], *, key: str) -> Done | Refused:
    """A finished answer, whose file is under `key`. A filtered one comes with 200 and a blurred picture: a refusal."""
    body = reply.json()
    if not isinstance(body, dict):
        raise UnknownOutcome("an answer that is no JSON")
    reason = str(body.get("finish_reason") or "SUCCESS")
    if reason == "CONTENT_FILTERED":
        return Refused("output", ("content_filtered",), "the result was filtered")
    if reason != "SUCCESS":
        raise ProviderFailed("it did not finish", provider_code=reason)
    if not body.get(key):
        return Refused("output", ("empty",), "no file in the answer")
    seed = body.get("seed")
    meta = {"seed": seed} if isinstance(seed, int) else {}
    return Done((Artifact(str(about["media_type"]), _decoded(body[key]), meta=meta),))


def _decoded(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as exc:
        raise BadOutput("A file that is no base64.") from exc
