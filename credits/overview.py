"""The wallet's page as one value: a fixed number of statements, however much there is in the wallet."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from accounts import api_keys, workspaces
from credits import chart, forecast, notices, quotas, refunds, selectors, subjects, usage, wording
from credits.chart import Chart
from credits.forecast import Forecast
from credits.notices import Wishes
from credits.selectors import LotView, Refill, StatementRow
from credits.usage import Period

_SOON = timedelta(days=7)
_SCOPES = {"wallet": "Everybody", "key": "API key", "member": "Member", "model": "Model"}
_SPELLS = {"day": "today", "month": "this month", "total": "in all"}


@dataclass(frozen=True, slots=True)
class HoldRow:
    label: str
    amount: int
    since: datetime
    url: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the statement, in words. `still` takes the place of the amount where the balance stands still."""

    at: datetime
    text: str
    aside: str
    amount: int
    still: str
    balance: int
    url: str


@dataclass(frozen=True, slots=True)
class LimitRow:
    label: str
    spell: str
    amount: int
    used: int


@dataclass(frozen=True, slots=True)
class ModelRow:
    model: str
    credits: int
    units: str
    series: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What the last thirty days used: a chart, and its models."""

    period: Period
    chart: Chart
    models: list[ModelRow]


@dataclass(frozen=True, slots=True)
class WalletView:
    """`low` and `ending` are what the banners say; `ending` is the sum of what expires within a week."""

    available: int
    held: int
    debt: int
    lots: list[LotView]
    holds: list[HoldRow]
    next_expiry: LotView | None
    refill: Refill | None
    forecast: Forecast | None
    limits: list[LimitRow]
    usage: Spent | None
    wishes: Wishes
    low: bool
    ending: int
    matrix: tuple[refunds.Row, ...]


def overview(*, workspace_id: UUID, sandbox: bool, at: datetime) -> WalletView:
    """Everything on the page but the statement."""
    balance = selectors.balance(workspace_id=workspace_id, sandbox=sandbox, at=at)
    lots = [lot for lot in selectors.spendable_lots(wallet_id=balance.wallet_id, at=at) if lot.remaining]
    wishes = notices.wishes(wallet_id=balance.wallet_id)
    left = sum(lot.remaining for lot in lots) + balance.held - balance.debt
    return WalletView(
        available=balance.available, held=balance.held, debt=balance.debt, lots=lots,
        holds=_holds(balance.wallet_id, workspace_id, sandbox=sandbox),
        next_expiry=selectors.next_expiry(lots), refill=selectors.next_refill(wallet_id=balance.wallet_id, at=at),
        forecast=forecast.forecast(
            lots=lots, used=forecast.pace(workspace_id=workspace_id, sandbox=sandbox, at=at), at=at
        ),
        limits=_limits(workspace_id, at, sandbox=sandbox), usage=_usage(workspace_id, at, sandbox=sandbox),
        wishes=wishes, low=left < wishes.low_below,
        ending=sum(lot.remaining for lot in lots if lot.expires_at is not None and lot.expires_at <= at + _SOON),
        matrix=refunds.matrix(),
    )  # fmt: skip


def lines(*, workspace_id: UUID, sandbox: bool, rows: list[StatementRow]) -> list[Line]:
    """Lines of the statement, each with a link to what it was for if that still has a page."""
    pages = subjects.links(workspace_id=workspace_id, sandbox=sandbox, subjects=[row.subject for row in rows])
    return [
        Line(row.at, wording.line(row), wording.aside(row), row.amount, wording.still(row), row.balance,
             pages.get(row.subject, ""))
        for row in rows
    ]  # fmt: skip


def _holds(wallet_id: UUID, workspace_id: UUID, *, sandbox: bool) -> list[HoldRow]:
    holds = selectors.open_holds(wallet_id=wallet_id)
    pages = subjects.links(workspace_id=workspace_id, sandbox=sandbox, subjects=[hold.reference for hold in holds])
    return [
        HoldRow(hold.model or "Generation", hold.amount - hold.captured, hold.created_at, pages.get(hold.reference, ""))
        for hold in holds
    ]


def _limits(workspace_id: UUID, at: datetime, *, sandbox: bool) -> list[LimitRow]:
    found = quotas.limits(workspace_id=workspace_id, sandbox=sandbox, at=at)
    names: Mapping[str, Mapping[UUID, str]] = {}
    if found:
        names = {
            "key": api_keys.names(workspace_id=workspace_id),
            "member": workspaces.member_names(workspace_id=workspace_id),
        }
    return [
        LimitRow(_whose(limit, names), _SPELLS[limit.period], limit.amount, limit.used) for limit in found
    ]  # fmt: skip


def _whose(limit: quotas.Limit, names: Mapping[str, Mapping[UUID, str]]) -> str:
    if limit.scope == "wallet":
        return _SCOPES["wallet"]
    known = {str(key): name for key, name in names.get(limit.scope, {}).items()}
    name = known.get(limit.subject, limit.subject if limit.scope == "model" else "no longer here")
    return f"{_SCOPES[limit.scope]}: {name}"


def _usage(workspace_id: UUID, at: datetime, *, sandbox: bool) -> Spent | None:
    today = at.astimezone(UTC).date()
    period = Period(today - timedelta(days=usage.USUAL_DAYS - 1), today)
    days, rows = usage.daily(workspace_id=workspace_id, sandbox=sandbox, period=period)
    drawn = chart.draw(days)
    if drawn is None:
        return None
    models = [
        ModelRow(row.label, row.credits, ", ".join(wording.quantity(used) for used in row.units),
                 drawn.models.index(row.label) + 1 if row.label in drawn.models else len(drawn.models))
        for row in rows
    ]  # fmt: skip
    return Spent(period, drawn, models)
