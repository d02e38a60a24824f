"""What providers took in a month beside what they billed."""

from datetime import date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from insights import costs


class Command(BaseCommand):
    help = "Costs of a month by model, by our books and by providers' invoices; exit 1 when they are apart."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--month", help="such as 2026-11; the last whole one unless said")

    def handle(self, *args: Any, **options: Any) -> None:
        month = _month(options["month"], timezone.now())
        rows = costs.report(month=month)
        self.stdout.write(f"{'model':<34}{'calls':>9}{'ours $':>14}{'unproved':>10}{'billed $':>14}{'apart':>9}")
        for row in rows:
            billed = "" if row.billed_usd_micros is None else f"{row.billed_usd_micros / 1e6:,.2f}"
            apart = "" if row.variance is None else f"{row.variance:+.0%}"
            name = row.model or f"{row.kind}, in all"
            ours = f"{row.calls:>9,}{row.ours_usd_micros / 1e6:>14,.2f}{row.estimated:>10.0%}"
            self.stdout.write(f"{name:<34}{ours}{billed:>14}{apart:>9}")
        if wrong := [row.model or row.kind for row in rows if row.is_apart]:
            raise CommandError(f"Our books and the invoice are apart for: {', '.join(wrong)}.")


def _month(text: str | None, now: datetime) -> date:
    if text is None:
        return date(now.year - (now.month == 1), (now.month - 2) % 12 + 1, 1)
    try:
        return datetime.strptime(text, "%Y-%m").date()
    except ValueError as exc:
        raise CommandError(f"{text!r} is no month: it looks like 2026-11.") from exc
