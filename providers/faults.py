"""What an answer means that is no success, where a provider says it as most do. Adapters look at their codes first."""

from providers.contracts import Refused
from providers.errors import (
    AuthFailed,
    InvalidParams,
    ModelGone,
    Overloaded,
    ProviderError,
    ProviderFailed,
    QuotaExhausted,
    RateLimited,
    UnknownOutcome,
)
from providers.wire import Reply, retry_after_seconds, spoken_seconds

_MOST_CHARACTERS = 200


def by_status(reply: Reply, *, billable: bool, code: str = "", message: str = "") -> ProviderError:
    """The error of an answer, by its status alone. `code` is the provider's word for it.

    A submission that ends in 500, 502 or 504 may have been taken all the same; one that ends in 503 or 529 was not.
    `message` is the provider's sentence: it is asked how long to wait, and not kept, since it may repeat a prompt.
    """
    status = reply.status
    detail = f"status {status}"
    named = code[:_MOST_CHARACTERS] or None
    if status in {401, 403}:
        return AuthFailed(detail, provider_code=named)
    if status == 402:
        return QuotaExhausted(detail, provider_code=named)
    if status == 410:
        return ModelGone(detail, provider_code=named)
    if status == 429:
        return RateLimited(detail, retry_after_seconds=_wait(reply, message), provider_code=named)
    if status in {503, 529}:
        return Overloaded(detail, retry_after_seconds=_wait(reply, message), provider_code=named)
    if status in {408, 500, 502, 504}:
        return (UnknownOutcome if billable else Overloaded)(detail, provider_code=named)
    if 400 <= status < 500:
        return InvalidParams(detail, provider_code=named)
    return ProviderFailed(detail, provider_code=named)


def _wait(reply: Reply, message: str) -> float | None:
    said = retry_after_seconds(reply.headers)
    return said if said is not None else spoken_seconds(message)


def refused_or_raised(fault: ProviderError | Refused) -> Refused:
    """The refusal, if it is one. Raises the error otherwise."""
    if isinstance(fault, ProviderError):
        raise fault
    return fault
