"""Whether everything that moved credits adds up, in SQL: one view for each app that has something to say."""

import re
from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction

_NAME = re.compile(r"^[a-z_]{1,60}$")
_views = ["credits_violation"]


def watch(view: str) -> None:
    """Registers a view with the columns invariant, subject, expected, actual. Called from `apps.py: ready()`."""
    if not _NAME.match(view):
        raise ValueError(f"{view!r} is not the name of a view.")
    if view not in _views:
        _views.append(view)


def violations() -> list[Mapping[str, Any]]:
    """Every row that breaks an invariant of any view; empty when all is well. Raises DatabaseError without a view."""
    every = " UNION ALL ".join(f"SELECT invariant, subject, expected, actual FROM {view}" for view in _views)  # noqa: S608
    with transaction.atomic(), connection.cursor() as cursor:
        # It reads all there is: on a large journal longer than a request may take.
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(f"{every} ORDER BY 1, 2")
        return [
            {"invariant": invariant, "subject": subject, "expected": int(expected), "actual": int(actual)}
            for invariant, subject, expected, actual in cursor.fetchall()
        ]
