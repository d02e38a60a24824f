"""Providers that fail, for tests of what happens then."""

import pytest


@pytest.fixture
def houses(settings, db):
    """The asked model's provider and its cousin's, with the operator's connections to both."""
    from tests.fakes import houses as fake

    with fake.opened(settings) as found:
        yield found
