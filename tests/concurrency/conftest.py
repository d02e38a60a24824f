import pytest


@pytest.fixture
def models(settings, db):
    """The remote provider's models on offer; nobody calls it."""
    from tests.fakes import remote as fake

    with fake.on_offer(settings):
        yield
