from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts import audit
from core.errors import DomainError
from core.ids import to_public
from generation import dead_letters
from generation.dead_letters import Choice
from generation.management.moments import moment

_VERBS = {"replay": dead_letters.replay, "refund": dead_letters.refund, "discard": dead_letters.discard}


class Command(BaseCommand):
    help = "Work that was given up, by cause and model; with a verb, what is to become of the jobs of a choice."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("verb", nargs="?", choices=sorted(_VERBS))
        parser.add_argument("--cause", default="")
        parser.add_argument("--model", default="", help="a model's id, with or without its pin")
        parser.add_argument("--since", help="RFC 3339, as 2026-03-01T10:00:00Z")
        parser.add_argument("--until")
        parser.add_argument("--reason", default="", help="required with a verb; people read that of a refund")
        parser.add_argument("--apply", action="store_true", help="do it; otherwise the jobs are counted")

    def handle(self, *, verb: str | None, reason: str, **options: Any) -> None:
        if verb is None:
            for group in dead_letters.groups():
                self.stdout.write(f"{group.cause}  {group.model}  {group.letters} letters  {group.jobs} jobs")
            return
        since, until = (moment(said) if said else None for said in (options["since"], options["until"]))
        choice = Choice(options["cause"], options["model"], since, until)
        jobs = dead_letters.job_ids(choice)
        if not options["apply"]:
            self.stdout.write(f"would {verb} {len(jobs)} jobs")
            return
        now, actor = timezone.now(), "command:dead_letters"
        try:
            came = _VERBS[verb](job_ids=jobs, actor=actor, reason=reason, at=now)
        except DomainError as exc:
            raise CommandError(exc.detail) from exc
        audit.record(action=f"job.{verb}", actor=actor, at=now, target=f"{came.jobs} jobs", reason=reason)
        for job_id, why in came.refused:
            self.stdout.write(f"{to_public('gen', job_id)} stays open: {why}")
        if came.nothing:
            self.stdout.write(f"{came.nothing} jobs had captured nothing: nothing went back for them")
        self.stdout.write(f"{verb}: {came.jobs} jobs, {came.credits} credits went back, {len(came.refused)} stay open")
