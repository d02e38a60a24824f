"""Providers' houses on loopback: the asked model's, its cousin's at another, and one that delivers later."""

import time
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from core import secrets
from core.ids import uuid7
from core.secrets import Secret
from generation import offers, runner, throttle
from providers import breakers, connections, registry
from providers.models import Connection
from tests.providers.servers import serving
from tests.providers.servers.bfl import BFLServer
from tests.providers.servers.openai import OpenAIServer

CATALOGUE = Path(__file__).parent / "houses"
_LANDING_SECONDS = 20.0


class Houses:
    """The asked model's provider, its second account, and the cousin's provider."""

    def __init__(self, stack: ExitStack) -> None:
        self.first, self.cousin = (stack.enter_context(serving(OpenAIServer())) for _ in range(2))
        self.later = stack.enter_context(serving(BFLServer()))
        self.ids = {
            "first": self.connect("openai", self.first),
            "cousin": self.connect("openai_two", self.cousin),
            "later": self.connect("bfl", self.later),
        }

    def connect(self, kind, server, *, name=None):
        now = timezone.now()
        row = Connection.objects.create(
            id=uuid7(), kind=kind, name=name or kind, base_url=server.url + "/v1",
            sealed_secret=secrets.seal(Secret(server.secret)), created_at=now, updated_at=now,
        )  # fmt: skip
        connections.forget()
        return row.id


@contextmanager
def opened(settings: Any):
    """The models on offer, both providers, and the operator's connections to them."""
    settings.PROVIDERS_EXTRA_ADAPTERS = ["openai_two=providers.adapters.openai.adapter:OpenAIAdapter"]
    settings.PROVIDERS_CATALOGUE_DIRS = [str(CATALOGUE)]
    settings.PROVIDERS_MODELS = ["sketch-*"]
    _forget()
    with ExitStack() as stack:
        found = Houses(stack)
        offers.sync(at=timezone.now() - timedelta(days=1))
        yield found
        until = time.monotonic() + _LANDING_SECONDS
        while runner.in_flight() and time.monotonic() < until:
            time.sleep(0.05)
    _forget()


def _forget() -> None:
    registry._paths.cache_clear()
    registry.adapter.cache_clear()
    breakers.forget()
    throttle.forget()
    connections.forget()
