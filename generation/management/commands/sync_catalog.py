from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from generation import offers


class Command(BaseCommand):
    help = "Brings the models in the database and their prices up to the catalogue's files."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
        parser.add_argument("--confirm", action="store_true", help="take large changes of a price and of its unit")
        parser.add_argument("--allow-below-cost", action="store_true", help="take prices under the provider's")

    def handle(self, *, dry_run: bool, confirm: bool, allow_below_cost: bool, **options: Any) -> None:
        try:
            done = offers.sync(
                at=timezone.now(), dry_run=dry_run, confirmed=confirm, below_cost=allow_below_cost
            )  # fmt: skip
        except ValueError as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write("\n".join(done.changes) or "nothing to change")
        if done.refusals:
            raise CommandError("\n".join(done.refusals))
