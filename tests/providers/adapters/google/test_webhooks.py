"""Calls that Google signs with its own key, for addresses that a request named."""

import base64
import json
from datetime import timedelta
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from django.utils import timezone

from core.secrets import Secret
from providers import registry
from providers.adapters.google import webhooks
from providers.contracts import Connection
from providers.errors import BadSignature
from tests.providers.servers import serving
from tests.providers.servers.google import GoogleServer

KEY, OTHER = (rsa.generate_private_key(public_exponent=65_537, key_size=2_048) for _ in range(2))
AUDIENCE = "https://wildmind.example"


def text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(at, *, key=KEY, kid="k1", alg="RS256", audience=AUDIENCE):
    claims = {"iat": int(at.timestamp()), "aud": audience, "type": "interaction.completed", "data": {"id": "v1_abc"}}
    head = ".".join(text(json.dumps(part).encode()) for part in ({"alg": alg, "kid": kid}, claims))
    return {"webhook-signature": f"{head}.{text(key.sign(head.encode(), padding.PKCS1v15(), hashes.SHA256()))}"}


@pytest.fixture
def connection():
    numbers = KEY.public_key().public_numbers()
    with serving(GoogleServer()) as server:
        server.keys = [{"kid": "k1", "kty": "RSA", "alg": "RS256", "e": text(numbers.e.to_bytes(3)),
                        "n": text(numbers.n.to_bytes(256))}]  # fmt: skip
        webhooks._known.clear()
        yield Connection(uuid4(), "google", "test", server.url, Secret("k"), {"webhook_audience": AUDIENCE}), server


def verify(connection, headers, at):
    return registry.adapter("google").verify_webhook(connection, headers, b"{}", at)


def test_a_call_that_google_signed_names_the_interaction(connection):
    route, _ = connection
    now = timezone.now()
    assert verify(route, signed(now), now).data == {"interaction": "v1_abc"}


def test_one_that_was_meant_for_somebody_else_is_only_a_reason_to_look(connection):
    route, _ = connection
    now = timezone.now()
    assert verify(route, signed(now, audience="https://other.example"), now) is None


@pytest.mark.parametrize("how", ["key", "name", "algorithm", "time", "cut"])
def test_a_call_that_google_did_not_sign_is_refused(connection, how):
    route, _ = connection
    now = timezone.now()
    headers = {
        "key": lambda: signed(now, key=OTHER), "name": lambda: signed(now, kid="k2"),
        "algorithm": lambda: signed(now, alg="none"), "time": lambda: signed(now - timedelta(minutes=6)),
        "cut": lambda: {"webhook-signature": "a.b.c"},
    }[how]()  # fmt: skip
    with pytest.raises(BadSignature):
        verify(route, headers, now)


def test_forgers_do_not_make_us_ask_for_the_keys_each_time(connection):
    route, server = connection
    now = timezone.now()
    for number in range(20):
        with pytest.raises(BadSignature):
            verify(route, signed(now, kid=f"forged-{number}"), now)
    assert len(server.calls) == 1
    assert verify(route, signed(now), now) is not None
