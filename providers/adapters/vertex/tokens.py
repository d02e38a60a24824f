"""Access tokens of service accounts: asked for with a signed claim, and kept until shortly before they end."""

import base64
import hashlib
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from providers import http
from providers.contracts import Connection
from providers.errors import AuthFailed, InvalidParams, Overloaded, TransientBeforeSend, UnknownOutcome

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE_SECONDS = 3_600
_EARLY_SECONDS = 120.0
_MOST_KEPT = 1_000

_kept: dict[str, tuple[str, float]] = {}


def account(connection: Connection) -> Mapping[str, Any]:
    """The service account's key, as Google gives it out. Raises AuthFailed when the secret is none."""
    try:
        found = orjson.loads(connection.secret.reveal())
        if not all(isinstance(found[name], str) for name in ("client_email", "private_key", "token_uri")):
            raise TypeError
    except (orjson.JSONDecodeError, KeyError, TypeError):
        # Whatever the reason says of it may be in the secret.
        raise AuthFailed("The secret is no service account's key.") from None
    return dict(found)


def kept(connection: Connection) -> str:
    """The token at hand, or nothing."""
    token, ends_at = _kept.get(_name(connection), ("", 0.0))
    return token if time.monotonic() < ends_at else ""


def forget(connection: Connection) -> None:
    """Makes the next call ask for a new one."""
    _kept.pop(_name(connection), None)


async def token(connection: Connection) -> str:
    """A token that is good for a while. Nothing that costs was begun when this raises ProviderError."""
    if found := kept(connection):
        return found
    key = account(connection)
    body = urlencode({"grant_type": _GRANT, "assertion": _claim(key, at=int(time.time()))}).encode()
    # An operator's key may name any address; a workspace's leads through the guard, as its connection does.
    route = replace(connection, base_url=key["token_uri"])
    try:
        reply = await http.call(
            "POST", key["token_uri"], connection=route, body=body,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )  # fmt: skip
    except UnknownOutcome as exc:
        raise TransientBeforeSend(f"the token's server: {exc}") from exc
    except InvalidParams as exc:
        raise AuthFailed(f"the token's server: {exc}") from exc
    answer = reply.document()
    if reply.status >= 500 or reply.status == 429:
        raise Overloaded(f"the token's server: status {reply.status}")
    if reply.status != 200 or not isinstance(answer.get("access_token"), str):
        raise AuthFailed(f"the token's server: status {reply.status}", provider_code=str(answer.get("error", "")))
    if len(_kept) >= _MOST_KEPT:
        _kept.clear()
    life = float(answer.get("expires_in") or _LIFE_SECONDS) - _EARLY_SECONDS
    _kept[_name(connection)] = (answer["access_token"], time.monotonic() + life)
    return str(answer["access_token"])


def _claim(key: Mapping[str, Any], *, at: int) -> str:
    head = {"alg": "RS256", "typ": "JWT", "kid": key.get("private_key_id", "")}
    claims = {
        "iss": key["client_email"], "scope": _SCOPE, "aud": key["token_uri"], "iat": at, "exp": at + _LIFE_SECONDS,
    }  # fmt: skip
    said = f"{_text(orjson.dumps(head))}.{_text(orjson.dumps(claims))}"
    try:
        private = load_pem_private_key(key["private_key"].encode(), password=None)
    except (TypeError, ValueError):
        raise AuthFailed("The service account's private key cannot be read.") from None
    if not isinstance(private, rsa.RSAPrivateKey):
        raise AuthFailed("The service account's private key is of another kind.")
    return f"{said}.{_text(private.sign(said.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _name(connection: Connection) -> str:
    """Of the key, so that one that was changed is asked about anew."""
    return hashlib.sha256(connection.secret.reveal().encode()).hexdigest()
