"""The root of every expected failure. Each app's own errors live in its `errors.py`."""

from typing import Any, ClassVar


class DomainError(Exception):
    """A failure that a person is told about: a stable code, a status and one clear sentence.

    `extra` holds members of the problem document (RFC 9457, section 3.2) and never private text.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[str]
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str = "", *, retry_after_seconds: int | None = None, **extra: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.retry_after_seconds = retry_after_seconds
        self.extra = extra


class FieldsRejected(DomainError):
    """Some fields of a request are wrong; `errors` names each with its reason."""

    code = "invalid_request"
    status = 400
    title = "The request is not valid."

    def __init__(self, errors: list[dict[str, str]], detail: str = "") -> None:
        first = errors[0] if errors else {"field": "", "reason": ""}
        where = f"{first['field']}: " if first["field"] else ""
        super().__init__(detail or f"{where}{first['reason']}", errors=errors)


class UnknownField(FieldsRejected):
    code = "unknown_field"
    title = "The request has a field that does not exist."


class UnsupportedParameter(FieldsRejected):
    code = "unsupported_parameter"
    title = "The model does not support this setting."


class NotFound(DomainError):
    """There is no such thing, or it belongs to somebody else: both look the same from outside."""

    code = "not_found"
    status = 404
    title = "There is no such object."


class StateConflict(DomainError):
    code = "state_conflict"
    status = 409
    title = "That is not possible in the object's present state."


class IdempotencyKeyReused(DomainError):
    code = "idempotency_key_reused"
    status = 422
    title = "This Idempotency-Key was used for another request."


class ScopeMissing(DomainError):
    code = "scope_missing"
    status = 403
    title = "This key does not have the scope that the call needs."


class Unauthenticated(DomainError):
    code = "unauthenticated"
    status = 401
    title = "The call carries no valid API key or session."
