from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from accounts import plans, workspaces
from accounts.models import User
from core.errors import FieldsRejected

_ACTOR = "command:set_plan"


class Command(BaseCommand):
    help = "Puts a person's workspace on a plan, with limits of its own if wanted. Running it twice changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument("--plan", required=True)
        parser.add_argument(
            "--override", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
            help="a limit of this workspace alone; VALUE is JSON, or text",
        )  # fmt: skip
        parser.add_argument(
            "--forget", nargs="+", action="extend", default=[], metavar="KEY", help="limits that are the plan's again"
        )

    @transaction.atomic
    def handle(self, *, email: str, plan: str, override: list[str], forget: list[str], **options: Any) -> None:
        now = timezone.now()
        user = User.objects.filter(email__iexact=email).first()
        workspace_id = workspaces.default_for(user_id=user.id) if user else None
        if workspace_id is None:
            raise CommandError(f"Nobody is called {email}.")
        try:
            plans.assign(workspace_id=workspace_id, plan=plan, actor=_ACTOR, at=now)
            plans.override(
                workspace_id=workspace_id, changes=dict(map(_pair, override)), forget=forget, actor=_ACTOR, at=now
            )
        except FieldsRejected as exc:
            raise CommandError("; ".join(f"{item['field']} {item['reason']}" for item in exc.extra["errors"])) from exc
        self.stdout.write(f"{email} is on the plan {plan}")
        for name, value in sorted(plans.overrides_of(workspace_id).items()):
            self.stdout.write(f"  {name} = {orjson.dumps(value).decode()} (of this workspace)")


def _pair(text: str) -> tuple[str, Any]:
    name, sign, raw = text.partition("=")
    if not sign:
        raise CommandError(f"{text!r} does not have the form KEY=VALUE.")
    try:
        return name, orjson.loads(raw)
    except orjson.JSONDecodeError:
        return name, raw
