"""Asks every active connection's provider whether it knows us, by a call that costs nothing."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from providers import connecting


class Command(BaseCommand):
    help = "Test every active connection; exit 1 when one does not answer."

    def handle(self, *args: Any, **options: Any) -> None:
        silent = []
        for found in connecting.test_all(at=timezone.now()):
            word = "answers" if found.checked_ok else f"does not answer: {found.checked_detail}"
            self.stdout.write(f"{found.kind:<20} {found.name:<24} {word}")
            if not found.checked_ok:
                silent.append(found.name)
        if silent:
            raise CommandError(f"{len(silent)} of the connections do not answer: {', '.join(silent)}.")
