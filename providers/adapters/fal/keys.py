"""The public keys that fal signs webhooks with.

An operator may pin them (`webhook_keys`). Otherwise they are fetched from where fal publishes them before it is given
an address to call, and lie in the cache for a day at most: whoever verifies a call is another process, and fetches
nothing, so that a stranger's call makes none of ours. Without keys every call is refused, and looking goes on.
"""

import base64
import binascii
import hashlib
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import redis
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.cache import cache

from providers import http
from providers.adapters.standard_webhooks import is_near
from providers.contracts import Connection
from providers.errors import BadSignature, ProviderError

KEY_SET = "https://rest.fal.ai/.well-known/jwks.json"
_KEPT_SECONDS = 24 * 3600
_FRESH_SECONDS = 6 * 3600
_AGAIN_SECONDS = 300
_MOST_KEYS = 16
# When this process may fetch a key set again.
_due_at: dict[str, float] = {}


def verify(*, connection: Connection, headers: Mapping[str, str], body: bytes, at: datetime) -> None:
    """Raises BadSignature unless one of the keys signed this body within five minutes of `at`."""
    named = {name.lower(): value for name, value in headers.items()}
    request, user, stamp, signature = (
        named.get(f"x-fal-webhook-{name}", "") for name in ("request-id", "user-id", "timestamp", "signature")
    )
    if not is_near(stamp, at):
        raise BadSignature
    signed = "\n".join((request, user, stamp, hashlib.sha256(body).hexdigest())).encode()
    try:
        raw = bytes.fromhex(signature)
    except ValueError as exc:
        raise BadSignature from exc
    if not any(_signed(key, raw, signed) for key in _known(connection)):
        raise BadSignature


async def prepare(connection: Connection) -> None:
    """Sees to it that there are keys before somebody signs with them. Never fails: a call that cannot be verified is
    refused, and costs nothing but time."""
    url = _address(connection)
    if connection.options.get("webhook_keys") or time.monotonic() < _due_at.get(url, 0.0):
        return
    _due_at[url] = time.monotonic() + _AGAIN_SECONDS
    try:
        reply = await http.call("GET", url, connection=connection, read_seconds=5.0, most_bytes=100_000)
        found = [str(key["x"]) for key in _listed(reply.document()) if isinstance(key.get("x"), str)]
        if reply.status == 200 and found:
            await cache.aset(_name(url), found[:_MOST_KEYS], _KEPT_SECONDS)
            _due_at[url] = time.monotonic() + _FRESH_SECONDS
    except (ProviderError, redis.RedisError, OSError):
        return


def _known(connection: Connection) -> Iterable[Ed25519PublicKey]:
    pinned = connection.options.get("webhook_keys")
    if not pinned:
        try:
            pinned = cache.get(_name(_address(connection))) or ()
        except (redis.RedisError, OSError):
            pinned = ()
    texts = pinned.split(",") if isinstance(pinned, str) else pinned
    return (key for text in texts if (key := _key(str(text))) is not None)


def _key(text: str) -> Ed25519PublicKey | None:
    text = text.strip()
    try:
        return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError):
        return None


def _signed(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _listed(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    keys = body.get("keys")
    return [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []


def _address(connection: Connection) -> str:
    return str(connection.options.get("key_set", KEY_SET))


def _name(url: str) -> str:
    return f"fal:keys:{hashlib.sha256(url.encode()).hexdigest()[:32]}"
