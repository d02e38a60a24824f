"""How calls to providers fail. The class decides what happens next; the message is for operators."""

from typing import ClassVar, Literal

from core.errors import DomainError

Category = Literal["input", "moderation", "provider", "timeout", "capacity", "internal", "canceled"]
# May another route be tried: never, always, or when the wait that the provider asks for is too long.
Fallback = Literal["never", "always", "long"]
# What a failure tells of the route: nothing; something, once in a while; that it is failing; that it is closed to us.
Breaker = Literal["none", "soft", "count", "open"]


_LONGEST_CODE = 80


def storable(text: str) -> str:
    """A provider's words without what no database takes: halves of a surrogate pair, and NUL."""
    return str(text).encode("utf-8", "replace").decode().replace("\x00", "")


class ProviderError(Exception):
    """A failed call. `retry_same`: how often the same route may be tried again; `fallback`: may another one be;
    `breaker`: what it tells of the route. `public` is what a person reads."""

    code: ClassVar[str]
    category: ClassVar[Category]
    retry_same: ClassVar[int] = 0
    fallback: ClassVar[Fallback] = "never"
    breaker: ClassVar[Breaker] = "none"
    public: ClassVar[str]

    def __init__(
        self, message: str = "", *, retry_after_seconds: float | None = None, provider_code: str | None = None
    ) -> None:
        super().__init__(storable(message or self.public))
        self.retry_after_seconds = retry_after_seconds
        self.provider_code = provider_code if provider_code is None else storable(provider_code)[:_LONGEST_CODE]


class InvalidParams(ProviderError):
    """`field` is the setting that it lies at, if that is known."""

    code = "invalid_params"
    category = "input"
    public = "The model did not accept these settings."

    def __init__(self, message: str = "", *, field: str = "", provider_code: str | None = None) -> None:
        super().__init__(message, provider_code=provider_code)
        self.field = field


class AuthFailed(ProviderError):
    """The provider does not know our key, or does not let it do this."""

    code = "provider_auth"
    category = "provider"
    fallback = "always"
    breaker = "open"
    public = "The provider did not accept our credentials."


class QuotaExhausted(ProviderError):
    """Our account there is empty, which no waiting of ours mends."""

    code = "provider_quota"
    category = "capacity"
    fallback = "always"
    breaker = "open"
    public = "The provider takes no more work from us at the moment."


class ModelGone(ProviderError):
    """The provider has switched the model off."""

    code = "model_gone"
    category = "provider"
    fallback = "always"
    breaker = "open"
    public = "The provider no longer offers this model."


class RateLimited(ProviderError):
    code = "rate_limited"
    category = "capacity"
    retry_same = 3
    fallback = "long"
    public = "The provider is taking no more requests right now."


class Overloaded(ProviderError):
    code = "overloaded"
    category = "capacity"
    retry_same = 2
    fallback = "always"
    breaker = "count"
    public = "The provider is overloaded."


class NotYet(ProviderError):
    """Nothing was begun, and nothing went wrong: the same again after `retry_after_seconds`. Counts as no attempt."""

    code = "not_yet"
    category = "capacity"
    public = "It waits until the model takes it."


class TransientBeforeSend(ProviderError):
    code = "transient"
    category = "provider"
    retry_same = 2
    fallback = "always"
    breaker = "count"
    public = "The provider could not be reached."


class UnknownOutcome(ProviderError):
    code = "unknown_outcome"
    category = "provider"
    fallback = "always"
    breaker = "count"
    public = "The connection was lost before the provider answered."


class ProviderFailed(ProviderError):
    code = "provider_failed"
    category = "provider"
    retry_same = 1
    fallback = "always"
    breaker = "count"
    public = "The provider accepted the job and then failed."


class Lost(ProviderError):
    """The provider took the job, and knows nothing of it now."""

    code = "provider_lost"
    category = "provider"
    retry_same = 1
    fallback = "always"
    breaker = "count"
    public = "The provider lost the job."


class BadOutput(ProviderError):
    code = "bad_output"
    category = "provider"
    retry_same = 1
    fallback = "always"
    breaker = "count"
    public = "The provider returned a file that is not what was asked for."


class DeadlinePassed(ProviderError):
    code = "timeout"
    category = "timeout"
    breaker = "soft"
    public = "The job took longer than it may."


class UnknownAdapter(Exception):
    """This process has no adapter of that kind: another release has it, or a package is missing here."""


class BadSignature(Exception):
    """A webhook that its provider did not sign."""


class NoProvider(DomainError):
    code = "no_provider"
    status = 503
    title = "No provider can take this right now."
    retryable = True
