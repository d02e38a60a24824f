"""Google's webhooks: Standard Webhooks with a shared secret, or, for an address that a request named, a JSON Web Token
that Google's published keys verify. Of a token only what is inside it is believed, since it does not cover the body.
"""

import asyncio
import base64
import binascii
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from providers import http
from providers.adapters import standard_webhooks
from providers.adapters.google import reading
from providers.contracts import Connection, Handle
from providers.errors import BadSignature, ProviderError

_KEYS_PATH = "/.well-known/jwks.json"
_FRESH_SECONDS = 3_600.0
# However many forged tokens name keys that there are not.
_ASKED_AGAIN_SECONDS = 60.0


def verified(connection: Connection, headers: Mapping[str, str], body: bytes, at: datetime) -> Handle | None:
    """The interaction that a call names, if it can be believed. Raises BadSignature."""
    lowered = {name.lower(): value for name, value in headers.items()}
    signature = lowered.get("webhook-signature", "")
    if signature.count(".") == 2 and "," not in signature:
        claims = _claims(connection, signature, at)
        audience = connection.options.get("webhook_audience")
        # A token for somebody else is Google's word too, and no reason to take up what it names.
        return _named(claims) if audience and claims.get("aud") == audience else None
    standard_webhooks.verify(
        secret=str(connection.options.get("webhook_secret", "")), headers=headers, body=body, at=at
    )  # fmt: skip
    return _named(_object(body))


def _named(event: Mapping[str, Any]) -> Handle | None:
    data = event.get("data")
    name = data.get("id") if isinstance(data, dict) else None
    return reading.handle(name) if isinstance(name, str) and name else None


def _claims(connection: Connection, token: str, at: datetime) -> Mapping[str, Any]:
    head, payload, signature = (_bytes(part) for part in token.split("."))
    about = _object(head)
    if about.get("alg") != "RS256":
        raise BadSignature("Not signed as Google signs.")
    key = _key(connection, str(about.get("kid", "")))
    try:
        key.verify(signature, token.rpartition(".")[0].encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature as exc:
        raise BadSignature("Google did not sign this.") from exc
    claims = _object(payload)
    if not standard_webhooks.is_near(str(claims.get("iat")), at):
        raise BadSignature("It was not sent just now.")
    return claims


@dataclass(slots=True)
class _Keys:
    """Google's keys by their names, and when they were asked for last."""

    found: dict[str, rsa.RSAPublicKey] = field(default_factory=dict)
    asked_at: float = float("-inf")


_known: dict[str, _Keys] = {}


def _key(connection: Connection, name: str) -> rsa.RSAPublicKey:
    """Raises BadSignature when Google has no such key, or cannot be asked."""
    keys = _known.setdefault(connection.base_url, _Keys())
    age = time.monotonic() - keys.asked_at
    if age > _FRESH_SECONDS or (name not in keys.found and age > _ASKED_AGAIN_SECONDS):
        keys.asked_at = time.monotonic()
        keys.found = asyncio.run(_published(connection)) or keys.found
    if name not in keys.found:
        raise BadSignature("Google has no such key.")
    return keys.found[name]


async def _published(connection: Connection) -> dict[str, rsa.RSAPublicKey]:
    try:
        reply = await http.call("GET", connection.url(_KEYS_PATH), connection=connection, read_seconds=5.0)
    except ProviderError:
        return {}
    finally:
        await http.close()
    keys = reply.document().get("keys") or ()
    return {str(item["kid"]): _public(item) for item in keys if item.get("kty") == "RSA" and item.get("kid")}


def _public(item: Mapping[str, Any]) -> rsa.RSAPublicKey:
    exponent, modulus = (int.from_bytes(_bytes(str(item.get(name, "")))) for name in ("e", "n"))
    try:
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()
    except ValueError as exc:
        raise BadSignature("A key of Google's that is none.") from exc


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as exc:
        raise BadSignature("Not a token.") from exc


def _object(text: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise BadSignature("Not JSON.") from exc
    if not isinstance(found, dict):
        raise BadSignature("Not an event.")
    return found
