"""A worker that is told to end is given nothing more, for as long as its end takes."""

import time
from types import SimpleNamespace

import pytest
from celery.signals import worker_ready, worker_shutting_down

from generation import fleet
from wildmind import celery

pytestmark = pytest.mark.django_db


class Pool:
    """A pool of threads, as Celery names it."""


class Consumer(SimpleNamespace):
    """What Celery's signals are sent by."""

    __hash__ = object.__hash__


@pytest.fixture
def worker(monkeypatch):
    """The name of a worker of every queue that has just become ready; it announces itself more often than in life."""
    monkeypatch.setattr(fleet, "ANNOUNCE_SECONDS", 0.05)
    queues = {"media": None, "generation.free": None}
    yield Consumer(
        hostname="worker@test", app=SimpleNamespace(amqp=SimpleNamespace(queues=SimpleNamespace(consume_from=queues))),
        controller=SimpleNamespace(concurrency=2, pool_cls=Pool),
    )  # fmt: skip
    celery._leaving.set()
    for heart in celery._hearts:
        heart.join(5)
    celery._hearts.clear()
    celery._leaving.clear()


def until(condition):
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("not in time")


def names():
    return {found.name for found in fleet.workers()}


class TestShutdown:
    def test_takes_the_worker_out_and_it_never_comes_back(self, worker):
        worker_ready.send(sender=worker)
        until(lambda: names() == {"worker@test", "worker@test/providers"})
        worker_shutting_down.send(sender=worker.hostname, sig="TERM", how="Warm", exitcode=0)
        until(lambda: names() == set())
        # Its task may take minutes yet.
        time.sleep(0.3)
        assert names() == set()
        assert not any(heart.is_alive() for heart in celery._hearts)


class TestBrokerAway:
    def test_as_kombu_tells_it_to_a_message_that_is_over_ends_no_worker(self):
        from celery.worker.consumer import Consumer as Real

        controller = SimpleNamespace(timer=None, use_eventloop=False, state=None)
        consumer = Real(lambda *_: None, app=celery.app, pool=None, controller=controller)
        assert AttributeError in consumer.connection_errors
        assert AttributeError not in celery.app.connection_for_read().connection_errors
