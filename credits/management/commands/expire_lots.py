from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from credits import expiry


class Command(BaseCommand):
    help = "Books what is left of expired lots. The conductor does it every hour."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true")

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        now = timezone.now()
        lots, credits = expiry.expire_due(at=now, dry_run=dry_run)
        while not dry_run and (more := expiry.expire_due(at=now))[0]:
            lots, credits = lots + more[0], credits + more[1]
        self.stdout.write(f"{'would expire' if dry_run else 'expired'} {credits} credits of {lots} lots")
