import json
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from accounts import api_keys, workspaces
from accounts.scopes import DEFAULT_SCOPES
from core.errors import FieldsRejected
from core.ids import to_public
from credits import ledger
from credits.ledger import Terms
from credits.models import Lot


class Command(BaseCommand):
    help = "Makes an API key, with its user and workspace if they are absent. The secret is printed once, last."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument("--credits", type=int, default=0, help="credits to grant, to the key's wallet")
        parser.add_argument("--sandbox", action="store_true", help="a wm_test_ key with sandbox credits")
        parser.add_argument("--scopes", default=",".join(DEFAULT_SCOPES), help="comma-separated")
        parser.add_argument("--name", default="Operator")
        parser.add_argument("--json", action="store_true", help="print nothing but the JSON line")

    @transaction.atomic
    def handle(self, *, email: str, credits: int, sandbox: bool, scopes: str, name: str, **options: Any) -> None:
        now = timezone.now()
        try:
            validate_email(email)
        except ValidationError as exc:
            raise CommandError(f"{email!r} is not an e-mail address.") from exc
        if not 0 <= credits <= ledger.MOST_AT_ONCE:
            raise CommandError(f"--credits must be 0 to {ledger.MOST_AT_ONCE}.")
        user_id, workspace_id = workspaces.ensure_person(email=email, at=now)
        try:
            key = api_keys.create(
                workspace_id=workspace_id, user_id=user_id, name=name, scopes=[s for s in scopes.split(",") if s],
                sandbox=sandbox, actor="command:create_api_key", at=now,
            )  # fmt: skip
        except FieldsRejected as exc:
            raise CommandError(exc.detail) from exc
        if credits:
            ledger.grant(
                workspace_id=workspace_id, amount=credits, sandbox=sandbox, reference=f"key:{key.id}", at=now,
                terms=Terms(Lot.Origin.SANDBOX if sandbox else Lot.Origin.GOODWILL),
                reason="Granted with an API key", actor="command:create_api_key",
            )  # fmt: skip
        if not options["json"]:
            self.stdout.write(f"A {'sandbox' if sandbox else 'live'} key for {email}. It is not shown again.")
        self.stdout.write(json.dumps({"key": key.secret, "workspace": to_public("wsp", workspace_id)}))
