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


class ExpressionRefused(RateRefused):
    title = "This is not an expression that a price may have."
