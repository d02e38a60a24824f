from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from providers import catalog


class Command(BaseCommand):
    help = "Brings the models in the database up to the catalogue's files."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        try:
            changes = catalog.sync(at=timezone.now(), dry_run=dry_run)
        except ValueError as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write("\n".join(changes) or "nothing to change")
