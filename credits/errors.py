from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from core.errors import DomainError


class InsufficientCredits(DomainError):
    code = "insufficient_credits"
    status = 402
    title = "Not enough credits for this generation."

    def __init__(self, *, required: int, available: int) -> None:
        super().__init__(
            f"This needs {required} credits and {available} are available.",
            required=required, available=available, shortfall=max(0, required - available),
        )  # fmt: skip


class WalletInDebt(DomainError):
    code = "insufficient_credits"
    status = 402
    title = "The wallet owes credits from a payment that was taken back."

    def __init__(self, *, debt: int) -> None:
        super().__init__(
            f"The wallet owes {debt} credits from a payment that was taken back. The next credits repay them first.",
            required=debt, available=0, shortfall=debt,
        )  # fmt: skip


class SpendLimitReached(DomainError):
    """A limit of the workspace, the key, the member, the model or the plan. `resets_at` is None for a total."""

    code = "spend_limit_reached"
    status = 402
    title = "A spend limit is reached."

    @classmethod
    def of(cls, limit: Mapping[str, Any], *, required: int) -> "SpendLimitReached":
        """`limit` as the ledger tells it: scope, subject, period, limit, used, since."""
        whose = {"wallet": "the workspace", "key": "this API key", "member": "this member", "model": "this model",
                 "plan": "the plan"}[limit["scope"]]  # fmt: skip
        spell = {"day": " a day", "month": " a month", "total": " in all"}[limit["period"]]
        available = max(0, limit["limit"] - limit["used"])
        return cls(
            f"The limit of {whose} is {limit['limit']} credits{spell}; {limit['used']} are used or held and this "
            f"needs {required}.",
            required=required, available=available, shortfall=required - available, scope=limit["scope"],
            period=limit["period"], limit=limit["limit"], used=limit["used"],
            resets_at=_next(limit["period"], date.fromisoformat(limit["since"])),
        )  # fmt: skip


def _next(period: str, since: date) -> str | None:
    if period == "total":
        return None
    following = since + timedelta(days=1 if period == "day" else 32)
    return f"{following if period == 'day' else following.replace(day=1)}T00:00:00Z"


class QuoteExpired(DomainError):
    code = "quote_expired"
    status = 409
    title = "The quote has expired, or was made for another input. Ask for a new one."


class LedgerConflict(DomainError):
    """The same reference with other inputs: never a second effect, always an error."""

    code = "state_conflict"
    status = 409
    title = "This reference was already used for something else."


class NoPrice(DomainError):
    """A model without a price in force is not on offer: it is never given away."""

    code = "no_provider"
    status = 503
    title = "This model has no price in force."
    retryable = True

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, retry_after_seconds=60)


class RateRefused(DomainError):
    """A price that an operator or a catalogue file asks for and the rate card does not take."""

    code = "invalid_request"
    status = 400
    title = "The rate card does not take this price."
