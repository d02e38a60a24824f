from datetime import datetime

from django.core.management.base import CommandError
from django.utils.dateparse import parse_datetime


def moment(text: str) -> datetime:
    """A time with its zone, as an option of a command says it. Raises CommandError."""
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise CommandError(f"{text!r} is not a time with its zone, as 2026-03-01T10:00:00Z.")
    return found
