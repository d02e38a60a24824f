from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts import audit
from core.errors import DomainError
from core.ids import to_public
from generation import make_good
from generation.make_good import Window
from generation.management.moments import moment

_MOST_DAYS = 3650


class Command(BaseCommand):
    help = "Credits for the people whose jobs failed in a window. A preview unless --apply is given; a job counts once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", required=True, help="RFC 3339, as 2026-03-01T10:00:00Z")
        parser.add_argument("--until", required=True)
        parser.add_argument("--incident", required=True, help="its name in the journal, e.g. a ticket")
        parser.add_argument("--reason", default="For the trouble", help="what people read in their statement")
        parser.add_argument("--percent", type=int, default=100, help="of what each job was quoted")
        parser.add_argument("--model", default="", help="a model's id without its pin")
        parser.add_argument("--cause", action="append", choices=make_good.CAUSES, help="may be repeated; all if absent")
        parser.add_argument("--days", type=int, default=90, help="how long the credits live")
        parser.add_argument("--apply", action="store_true")

    def handle(self, *, incident: str, reason: str, days: int, **options: Any) -> None:
        now, actor = timezone.now(), "command:make_good"
        if not 1 <= days <= _MOST_DAYS:
            raise CommandError(f"--days must be 1 to {_MOST_DAYS}.")
        window = Window(
            since=moment(options["since"]), until=moment(options["until"]), percent=options["percent"],
            model=options["model"], causes=options["cause"] or make_good.CAUSES,
        )  # fmt: skip
        try:
            if options["apply"]:
                shares = make_good.make_good(
                    window=window, incident=incident, lifetime=timedelta(days=days), reason=reason, actor=actor, at=now
                )
            else:
                shares = make_good.preview(window)
        except DomainError as exc:
            raise CommandError(exc.detail) from exc
        for share in shares:
            self.stdout.write(f"{to_public('wsp', share.workspace_id)}  {share.jobs} jobs  {share.credits} credits")
        jobs, credits = sum(share.jobs for share in shares), sum(share.credits for share in shares)
        if options["apply"] and shares:
            audit.record(action="credits.made_good", actor=actor, at=now, target=incident,
                         reason=f"{credits} credits for {jobs} jobs")  # fmt: skip
        verb = "granted" if options["apply"] else "would grant"
        self.stdout.write(f"{verb} {credits} credits to {len(shares)} workspaces for {jobs} jobs")
