"""What was asked of a result to the letter, and what was not done so."""

from typing import Any

from generation.settlement import Started
from providers.contracts import Delivered


def notes_of(step: Started, done: Delivered) -> dict[str, Any]:
    """The notes that were known at the quote, and those that came with the result; nothing if there are none."""
    came = [{"code": note.code, "field": note.field, "asked": note.asked, "used": note.used} for note in done.notes]
    notes = [*step.params.get("notes", []), *came]
    return {"notes": notes} if notes else {}


def size_of(step: Started) -> tuple[int, int] | None:
    """The pixels that were asked for by number; a shape that was asked for by name is the model's to fill."""
    asked = step.params.get("recall", {})
    return (int(asked["width"]), int(asked["height"])) if "width" in asked else None
