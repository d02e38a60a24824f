from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from core.errors import FieldsRejected
from generation import service

_ACTOR = "command:set_service_level"


class Command(BaseCommand):
    help = "Pins what the service takes, pauses lanes, closes models; without options it says what holds. Audited."

    def add_arguments(self, parser: CommandParser) -> None:
        level = parser.add_mutually_exclusive_group()
        level.add_argument("--level", type=int, help="0 takes everything, 4 nothing new")
        level.add_argument("--automatic", action="store_true", help="let load and errors decide again")
        for name in ("--pause-lane", "--resume-lane", "--close-model", "--open-model"):
            parser.add_argument(name, nargs="+", action="extend", default=[], metavar=name.rpartition("-")[2].upper())
        parser.add_argument("--reason", default="", help="for the audit trail, and shown while a level is pinned")

    @transaction.atomic
    def handle(self, *, level: int | None, automatic: bool, reason: str, **options: Any) -> None:
        now = timezone.now()
        service.forget()
        stand = service.current(at=now)
        lanes = (stand.paused_lanes | set(options["pause_lane"])) - set(options["resume_lane"])
        models = (stand.closed_models | set(options["close_model"])) - set(options["open_model"])
        try:
            if level is not None or automatic:
                service.pin(level=level, actor=_ACTOR, reason=reason, at=now)
            if (lanes, models) != (stand.paused_lanes, stand.closed_models):
                service.close(lanes=lanes, models=models, actor=_ACTOR, reason=reason, at=now)
        except FieldsRejected as exc:
            raise CommandError("; ".join(f"{item['field']} {item['reason']}" for item in exc.extra["errors"])) from exc
        stand = service.current(at=now)
        self.stdout.write(f"level {stand.level}{', pinned' if stand.pinned else ''}: {stand.words}")
        self.stdout.write(f"  paused lanes: {', '.join(sorted(stand.paused_lanes)) or 'none'}")
        self.stdout.write(f"  closed models: {', '.join(sorted(stand.closed_models)) or 'none'}")
