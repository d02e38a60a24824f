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
