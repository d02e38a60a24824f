"""Reads a provider's invoice, so that it can be compared with our books."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from core.errors import FieldsRejected
from providers import invoices


class Command(BaseCommand):
    help = "Read a CSV with the columns month, model and usd; what was read before for a month and model is replaced."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--kind", required=True, help="the adapter whose provider sent it")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            with path.open(encoding="utf-8", newline="") as lines:
                found = invoices.load(kind=options["kind"], lines=lines, source=path.name, at=timezone.now())
        except OSError as exc:
            raise CommandError(f"{path.name} cannot be read: {exc.strerror}.") from exc
        except FieldsRejected as exc:
            faults = "; ".join(f"{fault['field']}: {fault['reason']}" for fault in exc.extra["errors"])
            raise CommandError(f"{path.name} is not taken: {faults}.") from exc
        self.stdout.write(f"{found} lines of {path.name} are kept.")
