"""Stored functions live in readable `.sql` files; a migration runs one, and the latest run counts."""

from pathlib import Path

from django.db import migrations


def run(*paths: Path, undo: str) -> migrations.RunSQL:
    """A migration operation that runs files of CREATE OR REPLACE statements in turn; `undo` drops what they made."""
    return migrations.RunSQL("\n".join(path.read_text(encoding="utf-8") for path in paths), undo)
