"""Notices under several sweeps and senders at once: one fall is one mail."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.utils import timezone

from credits import ledger, notices
from credits.ledger import Terms
from credits.models import Notice
from tests.factories.accounts import make_person

pytestmark = pytest.mark.django_db(transaction=True)
THREADS, WALLETS = 8, 6


def together(verb):
    """Runs `verb` in several threads that begin at the same moment."""
    gate = Barrier(THREADS)

    def run(_):
        try:
            gate.wait()
            return verb()
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


class TestNotices:
    def test_are_raised_and_sent_once_by_many_at_once(self, monkeypatch):
        send = EmailBackend.send_messages

        def slowly(backend, mails):
            time.sleep(0.05)
            return send(backend, mails)

        monkeypatch.setattr(EmailBackend, "send_messages", slowly)
        monkeypatch.setattr("core.queueing.TaskRef.send", lambda *_, **__: None)
        now = timezone.now()
        for _ in range(WALLETS):
            made = make_person(credits=100)
            ledger.adjust(
                workspace_id=made.workspace_id, amount=-90, reference=str(made.workspace_id), reason="x", actor="test",
                at=timezone.now(),
            )  # fmt: skip
            ledger.grant(
                workspace_id=made.workspace_id, amount=9, reference=str(made.workspace_id), at=now - timedelta(days=30),
                terms=Terms("goodwill", now + timedelta(days=3)),
            )  # fmt: skip
        at = timezone.now()
        together(lambda: notices.raise_due(at=at))
        kinds = list(Notice.objects.order_by("kind").values_list("kind", flat=True))
        assert kinds == ["expiring_week"] * WALLETS + ["low_balance"] * WALLETS
        assert sum(together(lambda: notices.send_due(at=at))) == len(mail.outbox) == len(kinds)
        assert set(Notice.objects.values_list("state", flat=True)) == {"sent"}
