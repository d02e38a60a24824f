from core.errors import DomainError


class QueueFull(DomainError):
    code = "queue_full"
    status = 429
    title = "This workspace has as many jobs under way as its plan allows."
    retryable = True


class MaxCreditsExceeded(DomainError):
    code = "spend_limit_reached"
    status = 402
    title = "The price is above the limit that the request set."

    def __init__(self, *, price: int, limit: int) -> None:
        super().__init__(
            f"The price is {price} credits now, and {limit} were agreed to. Nothing was started.",
            required=price, available=limit, shortfall=price - limit,
        )  # fmt: skip
