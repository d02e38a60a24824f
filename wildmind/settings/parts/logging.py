"""Structured logs on standard error, JSON outside a terminal. Prompts never reach a logger."""

import sys
from typing import Any

import structlog

from core.redaction import drop_private, show_exception
from wildmind.settings.env import env_secret, env_str

LOG_LEVEL = env_str("WILDMIND_LOG_LEVEL", default="INFO").upper()
LOG_FORMAT = env_str("WILDMIND_LOG_FORMAT", default="console" if sys.stderr.isatty() else "json")

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    drop_private,
]
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_SHARED,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    wrapper_class=structlog.stdlib.BoundLogger,
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # Neither frame locals nor an exception's text: both may hold prompts and keys.
                structlog.processors.ExceptionRenderer(show_exception),
                structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
                if LOG_FORMAT == "console"
                else structlog.processors.JSONRenderer(),
            ],
            "foreign_pre_chain": _SHARED,
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django.server": {"level": "WARNING"},
        # Paths of the site carry no words of people, but a 404 of somebody's typo is no event.
        "django.request": {"level": "ERROR"},
        "celery": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
    },
}
SENTRY_DSN = env_secret("WILDMIND_SENTRY_DSN", default="")
SENTRY_ENVIRONMENT = env_str("WILDMIND_ENVIRONMENT", default="local")
