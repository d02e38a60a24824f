"""A provider that answers later, for tests of what waits for it."""

import pytest


@pytest.fixture
def remote(settings, db):
    """The remote provider's models on offer beside the built-in engine, and the provider itself."""
    from tests.fakes import remote as fake

    with fake.on_offer(settings), fake.serve() as provider:
        yield provider
