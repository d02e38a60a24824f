from core.errors import DomainError


class LimitReached(DomainError):
    """A limit of the workspace's plan that is free again by itself: always with `retry_after_seconds`."""

    status = 429
    retryable = True


class QueueFull(LimitReached):
    code = "queue_full"
    title = "This workspace has as many jobs under way as its plan allows."


class ServiceBusy(LimitReached):
    """Nothing of the caller's: the service as a whole takes no such order now. `level` says how little it takes."""

    code = "queue_full"
    title = "The service is too busy to take this now."


class ConcurrencyLimit(LimitReached):
    code = "concurrency_limit"
    title = "This workspace has as many jobs of this pipeline under way as its plan allows."


class DailyLimit(LimitReached):
    code = "rate_limited"
    title = "This workspace has made as many jobs today as its plan allows."


class PlanForbids(DomainError):
    """The order is beyond what the plan allows at all: waiting does not help, another plan or order does."""

    code = "policy_denied"
    status = 403
    title = "The workspace's plan does not allow this."

    def __init__(self, detail: str, *, rule: str, plan: str, limit: object, asked: object) -> None:
        super().__init__(detail, rule=rule, plan=plan, limit=limit, asked=asked)


class MaxCreditsExceeded(DomainError):
    code = "spend_limit_reached"
    status = 402
    title = "The price is above the limit that the request set."

    def __init__(self, *, price: int, limit: int) -> None:
        super().__init__(
            f"The price is {price} credits now, and {limit} were agreed to. Nothing was started.",
            required=price, available=limit, shortfall=price - limit,
        )  # fmt: skip
