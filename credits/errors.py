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
