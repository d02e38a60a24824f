from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts import audit, workspaces
from accounts.models import User
from credits import ledger
from credits.errors import LedgerConflict
from credits.ledger import Terms
from credits.models import Lot


class Command(BaseCommand):
    help = "Grants credits to a person's workspace. The same reference grants once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument("--amount", type=int, required=True)
        parser.add_argument("--reference", required=True, help="what it is for; granted once per reference")
        parser.add_argument("--sandbox", action="store_true")
        parser.add_argument("--dry-run", action="store_true")

    def handle(self, *, email: str, amount: int, reference: str, sandbox: bool, dry_run: bool, **options: Any) -> None:
        now = timezone.now()
        if not 1 <= amount <= ledger.MOST_AT_ONCE:
            raise CommandError(f"--amount must be 1 to {ledger.MOST_AT_ONCE}.")
        if not 1 <= len(reference) <= 100:
            raise CommandError("--reference must have 1 to 100 characters.")
        user = User.objects.filter(email__iexact=email).first()
        workspace_id = workspaces.default_for(user_id=user.id) if user else None
        if workspace_id is None:
            raise CommandError(f"Nobody is called {email}.")
        if dry_run:
            self.stdout.write(f"would grant {amount} to {email}")
            return
        try:
            granted = ledger.grant(
                workspace_id=workspace_id, amount=amount, terms=Terms(Lot.Origin.GOODWILL),
                reference=f"manual:{reference}", at=now, sandbox=sandbox, reason="Goodwill",
                actor="command:grant_credits",
            )  # fmt: skip
        except LedgerConflict as exc:
            raise CommandError(exc.detail) from exc
        if granted:
            audit.record(
                action="credits.granted", actor="command:grant_credits", at=now, workspace_id=workspace_id,
                target=f"manual:{reference}", reason=f"{amount} credits",
            )  # fmt: skip
        self.stdout.write(f"granted {amount}" if granted else f"{reference} was already granted")
