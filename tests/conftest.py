"""What every test can ask for. PostgreSQL and Redis are real and given by the environment: `make test` starts them."""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from xdist.scheduler import LoadScopeScheduling


def pytest_configure() -> None:
    # The test workers get it from the process that starts them.
    os.environ.setdefault("WILDMIND_TEST_RUN", uuid4().hex[:10])


class _Together(LoadScopeScheduling):
    """Tests of one set of processes run in one test worker, so that these are started once; the others one by one."""

    def _split_scope(self, nodeid: str) -> str:
        return next((name for name, paths in _SETS.items() if nodeid.startswith(paths)), nodeid)


_SETS = {
    "site": ("tests/browser/", "tests/stack/test_nothing_lost.py", "tests/flows/test_readme.py"),
    "sqs": ("tests/stack/test_sqs.py",), "many": ("tests/stack/test_scale.py",),
}  # fmt: skip


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    return _Together(config, log) if config.getoption("dist") == "loadgroup" else None


def pytest_sessionfinish(session: pytest.Session) -> None:
    from tests.stack import running

    if not hasattr(session.config, "workerinput"):
        running.forget_template()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """One database for each xdist worker."""


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker) -> Iterator[None]:  # type: ignore[no-untyped-def]
    """Lets tests with real transactions empty the journal afterwards; a test of its own proves the guard."""
    from django.db import connection

    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE credits_entry DISABLE TRIGGER credits_entry_keep")
        cursor.execute("ALTER TABLE credits_posting DISABLE TRIGGER credits_posting_keep")
        cursor.execute("ALTER TABLE credits_price DISABLE TRIGGER credits_price_keep")
        _lay_ground()
    yield
    # Threads of tests may have left connections; the database could not be dropped under them.
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture(autouse=True)
def _fresh(request: pytest.FixtureRequest) -> Iterator[None]:
    """Lanes, plans, catalogue and prices as after `prepare`, caches empty, Redis flushed.

    What `prepare` writes is there for all tests that roll back, until the first that does not.
    """
    if not request.node.get_closest_marker("django_db"):
        yield
        return
    request.getfixturevalue("transactional_db" if _is_transactional(request) else "db")
    from django.core.cache import cache

    from core import queueing
    from credits import rates
    from generation import hearing
    from moderation import screening
    from providers import catalog, connections
    from tests.factories import outlook

    cache.clear()
    outlook.forget()
    hearing.forget()
    queueing._broken_until = 0.0
    _lay_ground()
    screening.forget()
    yield
    catalog.forget()
    connections.forget()
    rates.forget()


def _lay_ground() -> None:
    """What `prepare` writes, if it is not there."""
    from django.utils import timezone

    from accounts import plans
    from generation import offers
    from generation.models import Lane
    from providers.models import ModelCard

    if ModelCard.objects.exists():
        return
    Lane.objects.bulk_create([Lane(name=name) for name in ("enterprise", "pro", "free")], ignore_conflicts=True)
    plans.sync(at=timezone.now())
    # Long before, so that a test may look back.
    offers.sync(at=timezone.now() - timedelta(days=30))


@pytest.fixture
def houses(settings: Any, db: None) -> Iterator[Any]:
    """Providers on loopback with the operator's connections to them: the asked model's, its cousin's, one that delivers
    later."""
    from tests.fakes import houses as fake

    with fake.opened(settings) as found:
        yield found


def _is_transactional(request: pytest.FixtureRequest) -> bool:
    marker = request.node.get_closest_marker("django_db")
    return bool(marker and marker.kwargs.get("transaction"))


@pytest.fixture
def person():
    """Somebody who signed up: a user, a workspace, wallets with the welcome credits."""
    from tests.factories.accounts import make_person

    return make_person()


@pytest.fixture
def stranger():
    """Somebody else, with things of their own."""
    from tests.factories.accounts import make_person

    return make_person()


@pytest.fixture
def api(person):
    """The person's API client, with a live key."""
    return person.api()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory):
    """Web, worker and conductor as real processes. A test that kills one starts it again."""
    from tests.stack import running

    made = running.create(tmp_path_factory.mktemp("stack"))
    try:
        made.start("web", "worker", "runner", "scheduler")
        made.wait_until_ready()
        yield made
    finally:
        running.drop(made)
