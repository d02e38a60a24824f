from typing import Any

from django.core.management.base import BaseCommand, CommandError

from credits import reconciliation, selectors


class Command(BaseCommand):
    help = "Checks every invariant of the ledger in SQL. Exit 0 when all hold, else 1 with the rows that break them."

    def handle(self, **options: Any) -> None:
        broken = reconciliation.violations()
        for row in broken:
            self.stdout.write(
                f"{row['invariant']}  {row['subject']}  expected {row['expected']}, found {row['actual']}"
            )
        if broken:
            raise CommandError(f"{len(broken)} violations", returncode=1)
        totals = selectors.totals()
        self.stdout.write(
            f"every invariant holds: {totals['wallets']} wallets, {totals['postings']} postings, "
            f"{totals['open_holds']} open holds"
        )
