"""The statement and the usage as CSV, page by page: what is read is forgotten once it is written."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

from accounts import api_keys, workspaces
from core.ids import to_public
from credits import selectors, subjects, usage, wording
from credits.usage import Period

_PAGE = 1_000
# Names of columns are read by programs: they are added to at the end, and never renamed.
STATEMENT_COLUMNS = ("id", "time", "kind", "what", "subject", "credits", "returned", "moved", "balance")
USAGE_COLUMNS = ("time", "generation", "pipeline", "model", "unit", "quantity", "credits", "key", "member")
# What a spreadsheet would take for a formula (OWASP, CSV Injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def statement(*, wallet_id: UUID, since: datetime | None, until: datetime) -> Iterator[bytes]:
    """Every line of a period, oldest first, in pieces of up to a thousand lines. Times are UTC."""
    yield _lines([STATEMENT_COLUMNS])
    after = 0
    while rows := selectors.statement_after(
        wallet_id=wallet_id, after=after, since=since, until=until, limit=_PAGE
    ):  # fmt: skip
        yield _lines(
            (f"txn_{row.id}", _time(row.at), row.kind, wording.line(row), subjects.public_id(row.subject), row.amount,
             row.released, row.moved, row.balance)
            for row in rows
        )  # fmt: skip
        after = rows[-1].id


def used(*, workspace_id: UUID, sandbox: bool, period: Period) -> Iterator[bytes]:
    """One line for each delivered step of a period, oldest first. What it cost us is not in it."""
    yield _lines([USAGE_COLUMNS])
    keys, members = api_keys.names(workspace_id=workspace_id), workspaces.member_names(workspace_id=workspace_id)
    after = None
    while rows := usage.records(
        workspace_id=workspace_id, sandbox=sandbox, period=period, after=after, limit=_PAGE
    ):  # fmt: skip
        yield _lines(
            (_time(row.at), to_public("gen", row.job_id), row.pipeline, row.model, row.unit,
             usage.plain(row.quantity), row.credits, keys.get(row.key_id, "") if row.key_id else "",
             members.get(row.member_id, "") if row.member_id else "")
            for row in rows
        )  # fmt: skip
        after = (rows[-1].at, rows[-1].id)


def _lines(rows: Iterable[Sequence[str | int]]) -> bytes:
    text = io.StringIO()
    # Numbers stay numbers, a minus included; only text can be taken for a formula.
    csv.writer(text).writerows([cell if isinstance(cell, int) else _safe(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) else cell


def _time(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
