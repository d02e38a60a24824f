"""Webhooks that are signed as https://www.standardwebhooks.com says: HMAC over id, time and body."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from datetime import datetime

from providers.errors import BadSignature

_TOLERANCE_SECONDS = 300


def verify(*, secret: str, headers: Mapping[str, str], body: bytes, at: datetime) -> None:
    """Raises BadSignature unless `secret` signed this body within five minutes of `at`."""
    named = {name.lower(): value for name, value in headers.items()}
    stamp = named.get("webhook-timestamp", "")
    key = _key(secret)
    if not key or not named.get("webhook-id") or not is_near(stamp, at):
        raise BadSignature
    signed = b".".join((named.get("webhook-id", "").encode(), stamp.encode(), body))
    expected = base64.b64encode(hmac.digest(key, signed, "sha256"))
    found = (item.partition(",") for item in named.get("webhook-signature", "").split())
    if not any(version == "v1" and hmac.compare_digest(said.encode(), expected) for version, _, said in found):
        raise BadSignature


def is_near(stamp: str, at: datetime) -> bool:
    """Whether a text of seconds since 1970 is within five minutes of `at`."""
    try:
        return abs(float(stamp) - at.timestamp()) <= _TOLERANCE_SECONDS
    except ValueError:
        return False


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return b""
