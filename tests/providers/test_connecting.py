"""What the environment connects, and what it leaves alone."""

import pytest
from django.utils import timezone

from providers import connections, registry
from providers.models import Connection

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh():
    connections.forget()
    registry.adapter.cache_clear()
    yield
    connections.forget()
    registry.adapter.cache_clear()


def kinds():
    return set(Connection.objects.filter(status=Connection.Status.ACTIVE).values_list("kind", flat=True))


def test_a_package_that_is_missing_here_keeps_nobody_from_connecting_the_rest(monkeypatch):
    def missing():
        return {**registry._BUILT_IN, "absent": "providers.adapters.absent.Adapter"}

    monkeypatch.setattr(registry, "_paths", missing)
    monkeypatch.setenv("COMFYUI_URL", "http://comfy.internal:8188")
    connections.sync(at=timezone.now())
    assert "comfyui" in kinds()
    assert "absent" not in kinds()


def test_a_key_for_a_server_of_ones_own_is_no_address(monkeypatch):
    monkeypatch.delenv("COMFYUI_URL", raising=False)
    monkeypatch.setenv("COMFYUI_TOKEN", "t-1")
    monkeypatch.setenv("ELEVENLABS_API_KEY", "k-1")
    connections.sync(at=timezone.now())
    assert kinds() >= {"elevenlabs"}
    assert "comfyui" not in kinds()


def test_a_connection_of_an_absent_adapter_serves_nothing_and_breaks_nothing(monkeypatch):
    monkeypatch.setenv("COMFYUI_URL", "http://comfy.internal:8188")
    connections.sync(at=timezone.now())
    gone = {kind: path for kind, path in registry._BUILT_IN.items() if kind != "elevenlabs"}
    gone["comfyui"] = "providers.adapters.absent.Adapter"
    monkeypatch.setattr(registry, "_paths", lambda: gone)
    registry.adapter.cache_clear()
    connections.forget()
    assert connections.serving("openai") == []
