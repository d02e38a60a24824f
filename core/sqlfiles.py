"""Stored functions live in readable `.sql` files; a migration runs one, and the latest run counts."""

from pathlib import Path

from django.db import migrations


def run(path: Path, *, undo: str) -> migrations.RunSQL:
    """A migration operation that runs a file of CREATE OR REPLACE statements; `undo` drops what it made."""
    return migrations.RunSQL(path.read_text(encoding="utf-8"), undo)
