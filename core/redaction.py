"""The second line behind the rule that prompts, keys and mails are never logged at all."""

from collections.abc import MutableMapping
from typing import Any

# Fields that may carry a person's words or a secret, wherever somebody logs them by mistake.
_PRIVATE = frozenset(
    {
        "prompt", "input", "lyrics", "text", "messages", "negative_prompt", "system", "body", "data", "payload",
        "secret", "key", "token", "password", "authorization", "cookie", "email", "params", "args", "kwargs",
    }
)  # fmt: skip
REDACTED = "[redacted]"


def drop_private(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: replaces the value of every private field."""
    for name in event.keys() & _PRIVATE:
        event[name] = REDACTED
    return event


def scrub_sentry(event: dict[str, Any], _hint: dict[str, Any]) -> dict[str, Any]:
    """Sentry's `before_send`: no request body, no locals, no message of an exception, no breadcrumbs' data.

    Sentry's own scrubber was measured to leak nested keys and custom names, so this keeps an allow-list.
    """
    request = event.get("request")
    if isinstance(request, dict):
        event["request"] = {"method": request.get("method"), "url": str(request.get("url", "")).split("?")[0]}
    event.pop("breadcrumbs", None)
    event.pop("extra", None)
    event.pop("user", None)
    event.pop("logentry", None)
    for value in (event.get("exception") or {}).get("values", []):
        value["value"] = REDACTED
        for frame in (value.get("stacktrace") or {}).get("frames", []):
            frame.pop("vars", None)
    return event
