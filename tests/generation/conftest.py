"""A provider that answers later, for tests of what waits for it."""

import pytest
from django.utils import timezone


@pytest.fixture
def remote(settings, db):
    """The remote provider's models on offer beside the built-in engine, and the provider itself."""
    from generation import offers
    from providers import registry
    from tests.fakes import remote as fake

    settings.PROVIDERS_EXTRA_ADAPTERS = list(fake.ADAPTERS)
    settings.PROVIDERS_CATALOGUE_DIRS = [fake.CATALOGUE]
    registry._paths.cache_clear()
    assert offers.sync(at=timezone.now()).refusals == ()
    with fake.serve() as provider:
        yield provider
    registry._paths.cache_clear()
    registry.adapter.cache_clear()
