"""The second line behind the rule that prompts, keys and mails are never logged at all."""

import traceback
from collections.abc import MutableMapping
from types import TracebackType
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
    logger = str(event.get("logger", ""))
    if logger.startswith("celery.app.trace"):
        # Celery puts the exception's text into its sentence.
        event["event"] = "celery.task.failed"
    elif logger == "asyncio":
        # And so does asyncio, below its first line.
        event["event"] = str(event.get("event", "")).split("\n")[0]
    return event


def show_exception(exc_info: tuple[type[BaseException], BaseException, TracebackType | None]) -> str:
    """Where an exception came from, and of which kind; its text may quote what a person typed and is left out."""
    lines: list[str] = []
    found: BaseException | None = exc_info[1]
    while found is not None:
        lines.insert(0, "".join(traceback.format_tb(found.__traceback__)) + type(found).__qualname__)
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    return "\n\n".join(lines)


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
