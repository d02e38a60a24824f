"""The refund matrix as the database holds it: what of a hold is captured for each way a job can end."""

from dataclasses import dataclass
from functools import lru_cache

from django.db import connection

_CAPTURES = {"delivered": "What was delivered", "nothing": "Nothing"}


@dataclass(frozen=True, slots=True)
class Row:
    """One cause. `captures` is delivered or nothing; `title` and `sentence` are for people."""

    cause: str
    captures: str
    title: str
    sentence: str

    @property
    def captures_label(self) -> str:
        return _CAPTURES[self.captures]


@lru_cache(maxsize=1)
def matrix() -> tuple[Row, ...]:
    """Every row, in the table's order. Read once in a process: only a migration changes the table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT cause, captures, title, sentence FROM refund_matrix()")
        return tuple(Row(*row) for row in cursor.fetchall())


def title(cause: str) -> str:
    """The cause in words; one that is not in the table as it was written."""
    for row in matrix():
        if row.cause == cause:
            return row.title
    return cause


def markdown() -> str:
    """The table as docs/refunds.md shows it."""
    lines = [f"| `{row.cause}` | {row.title} | {row.captures_label} | {row.sentence} |" for row in matrix()]
    return "\n".join(["| cause | how it ended | you pay | which means |", "| --- | --- | --- | --- |", *lines, ""])
