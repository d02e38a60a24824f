from typing import Any, get_args

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts import audit, workspaces
from accounts.models import User
from core.errors import FieldsRejected
from credits import quotas


class Command(BaseCommand):
    help = "Sets, changes or removes a spend limit of a workspace, one of its keys or members, or a model; lists them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="of a member; their first workspace is meant")
        parser.add_argument("--scope", choices=get_args(quotas.Scope))
        parser.add_argument("--subject", default="", help="the id of a key or member, or of a model without its pin")
        parser.add_argument("--period", choices=get_args(quotas.Period), default="month")
        parser.add_argument("--amount", type=int, help="credits; left out, the limit is removed")
        parser.add_argument("--sandbox", action="store_true")

    def handle(self, *, email: str, scope: quotas.Scope | None, sandbox: bool, **options: Any) -> None:
        now = timezone.now()
        user = User.objects.filter(email__iexact=email).first()
        workspace_id = workspaces.default_for(user_id=user.id) if user else None
        if workspace_id is None:
            raise CommandError(f"Nobody is called {email}.")
        if scope is None and (options["amount"] is not None or options["subject"]):
            raise CommandError("--scope says what the limit is for.")
        if scope is not None:
            try:
                quotas.set_limit(
                    workspace_id=workspace_id, scope=scope, subject=options["subject"], period=options["period"],
                    amount=options["amount"], at=now, sandbox=sandbox,
                )  # fmt: skip
            except FieldsRejected as exc:
                raise CommandError(exc.detail) from exc
            amount = options["amount"]
            said = "removed" if amount is None else f"{amount} a {options['period']}"
            audit.record(
                action="spend_limit.set", actor="command:set_spend_limit", at=now, workspace_id=workspace_id,
                target=f"{scope}:{options['subject']}", reason=said,
            )  # fmt: skip
        for limit in quotas.limits(workspace_id=workspace_id, at=now, sandbox=sandbox):
            self.stdout.write(
                f"{limit.scope} {limit.subject}".strip() + f": {limit.used} of {limit.amount} ({limit.period})"
            )
