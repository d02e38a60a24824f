"""What the suite cannot know of fal."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.cache import cache
from django.utils import timezone

from providers.adapters.fal import keys
from providers.contracts import Delivered, Running
from providers.errors import BadSignature, InvalidParams, ProviderFailed
from tests.providers.adapters.bench import beside
from tests.providers.conformance.conftest import run
from tests.providers.servers.fal import KEY, public, signed

_IN_MEMORY = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


@pytest.fixture
def bench():
    with beside("fal") as found:
        yield found


class TestARequest:
    def test_switches_off_what_would_be_done_behind_our_back(self, bench):
        bench.submit()
        headers = {name.lower(): value for name, value in bench.server.billed[0].headers.items()}
        assert headers["x-app-fal-disable-fallback"] == "true"
        assert headers["x-fal-no-retry"] == "1"
        assert headers["x-fal-store-io"] == "0"
        assert 295 <= int(headers["x-fal-request-timeout"]) <= 300

    def test_names_the_address_to_call(self, bench):
        bench.submit(token="t-1")
        assert bench.server.billed[0].query == {"fal_webhook": "https://site.test/hooks/providers/t-1"}

    def test_is_asked_about_by_its_app_without_what_came_after(self, bench):
        accepted = bench.submit()
        bench.check(accepted.handle)
        assert bench.server.calls[1].path == f"/fal-ai/flux/requests/{accepted.handle.data['id']}/status"

    @pytest.mark.parametrize("shape", ["sentence", "status"])
    def test_that_is_not_quite_ready_runs_however_that_is_said(self, bench, shape):
        bench.server.early = shape
        bench.server.fault("early")
        accepted = bench.submit()
        assert isinstance(bench.check(accepted.handle), Running)
        assert isinstance(bench.finish(accepted), Delivered)

    @pytest.mark.parametrize("fault", ["failed", "infra_failed"])
    def test_that_failed_is_not_asked_about_for_ever(self, bench, fault):
        bench.server.fault(fault)
        with pytest.raises(ProviderFailed):
            bench.finish(bench.submit())

    def test_that_the_model_cannot_take_names_the_setting(self, bench):
        bench.server.fault("invalid_later")
        with pytest.raises(InvalidParams) as refused:
            bench.finish(bench.submit())
        assert refused.value.field == "seed"


class TestKeys:
    @pytest.fixture
    def unpinned(self, bench, settings):
        settings.CACHES = _IN_MEMORY
        cache.clear()
        keys._due_at.clear()
        options = {"key_set": f"{bench.server.url}/.well-known/jwks.json"}
        bench.connection = replace(bench.connection, options=options)
        return bench

    def test_are_there_before_an_address_to_call_is_given_away(self, unpinned):
        now, body = timezone.now(), b'{"request_id": "r-1"}'
        with pytest.raises(BadSignature):
            unpinned.adapter.verify_webhook(unpinned.connection, signed(KEY, "r-1", body, now), body, now)
        unpinned.submit()
        handle = unpinned.adapter.verify_webhook(unpinned.connection, signed(KEY, "r-1", body, now), body, now)
        assert handle.data == {"id": "r-1"}
        unpinned.submit()
        assert [call.path for call in unpinned.server.calls].count("/.well-known/jwks.json") == 1

    def test_of_strangers_sign_nothing_and_make_us_fetch_nothing(self, unpinned):
        unpinned.submit()
        unpinned.server.calls.clear()
        stranger = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
        now, body = timezone.now(), b'{"request_id": "r-1"}'
        with pytest.raises(BadSignature):
            unpinned.adapter.verify_webhook(unpinned.connection, signed(stranger, "r-1", body, now), body, now)
        assert unpinned.server.calls == []

    def test_that_cannot_be_fetched_keep_nobody_from_working(self, unpinned):
        unpinned.connection = replace(unpinned.connection, options={"key_set": "https://127.0.0.1:1/keys"})
        assert isinstance(unpinned.finish(unpinned.submit()), Delivered)
        now, body = timezone.now(), b'{"request_id": "r-1"}'
        with pytest.raises(BadSignature):
            unpinned.adapter.verify_webhook(unpinned.connection, signed(KEY, "r-1", body, now), body, now)

    def test_may_be_pinned_as_a_text(self, bench):
        options = {"webhook_keys": f"not-a-key, {public(KEY)}"}
        connection = replace(bench.connection, options=options)
        now, body = timezone.now(), b'{"request_id": "r-1"}'
        headers = signed(KEY, "r-1", body, now)
        assert bench.adapter.verify_webhook(connection, headers, body, now + timedelta(minutes=4)) is not None
        with pytest.raises(BadSignature):
            bench.adapter.verify_webhook(connection, headers, body, now + timedelta(minutes=6))

    def test_are_fetched_by_a_probe_too(self, unpinned):
        assert run(unpinned.adapter.probe(unpinned.ctx())).ok
        assert any(call.path == "/.well-known/jwks.json" for call in unpinned.server.calls)
