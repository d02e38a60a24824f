from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from assets import lifecycle


class Command(BaseCommand):
    help = "Deletes stored files older than a day that no row names, and lists rows whose file is missing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true")

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        swept = lifecycle.sweep_orphans(at=timezone.now(), dry_run=dry_run)
        for key in swept.orphans:
            self.stdout.write(f"{'would delete' if dry_run else 'deleted'} {key}")
        for key in swept.dangling:
            self.stdout.write(f"missing {key}")
        self.stdout.write(f"{len(swept.orphans)} orphans, {len(swept.dangling)} missing files")
