from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from credits import rate_files, rates
from credits.errors import RateRefused
from credits.rate_checks import Terms


class Command(BaseCommand):
    help = "Publishes the prices of a YAML file: all of them or none. Loading it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="format: docs/operations/rate_card.md")
        parser.add_argument("--dry-run", action="store_true", help="show old -> new, and change nothing")
        parser.add_argument("--confirm", action="store_true", help="take large changes of a price and of its unit")
        parser.add_argument("--allow-below-cost", action="store_true", help="take prices under the provider's")

    def handle(
        self, *, file: Path, dry_run: bool, confirm: bool, allow_below_cost: bool, **options: Any
    ) -> None:  # fmt: skip
        try:
            asked = rate_files.read(file)
        except RateRefused as exc:
            raise CommandError(exc.detail) from exc
        with transaction.atomic():
            refusals = self._publish(asked, timezone.now(), confirmed=confirm, below_cost=allow_below_cost)
            transaction.set_rollback(dry_run or bool(refusals))
        # What was read inside may not have been kept.
        rates.forget()
        if refusals:
            raise CommandError("\n".join([*refusals, "Nothing was published."]))
        self.stdout.write("nothing was published: a dry run" if dry_run else "published")

    def _publish(self, asked: list[Terms], at: datetime, *, confirmed: bool, below_cost: bool) -> list[str]:
        refusals = []
        for terms in asked:
            try:
                change = rates.publish(
                    terms=terms, source=rates.OPERATOR, actor="command:load_rates", at=at, confirmed=confirmed,
                    below_cost=below_cost,
                )  # fmt: skip
            except RateRefused as exc:
                refusals.append(exc.detail)
            else:
                self.stdout.write(str(change))
        return refusals
