"""What was not done to the letter, kept with the result."""

from typing import Any

from generation.settlement import Started
from providers.contracts import Delivered


def notes_of(step: Started, done: Delivered) -> dict[str, Any]:
    """The notes that were known at the quote, and those that came with the result; nothing if there are none."""
    came = [{"code": note.code, "field": note.field, "asked": note.asked, "used": note.used} for note in done.notes]
    notes = [*step.params.get("notes", []), *came]
    return {"notes": notes} if notes else {}
