"""Error reports: off without a DSN, and never with a person's words in them."""

from typing import Any

import sentry_sdk
from django.conf import settings

from core.redaction import scrub_sentry

_NOTHING_PERSONAL = {
    "user_info": False, "cookies": {"mode": "off"}, "http_bodies": [], "url_query_params": {"mode": "off"},
    "http_headers": {"request": {"mode": "off"}, "response": {"mode": "off"}}, "database_query_data": False,
    "queues": False, "stack_frame_variables": False, "gen_ai": {"inputs": False, "outputs": False},
}  # fmt: skip


def options(dsn: str) -> dict[str, Any]:
    """Sentry's options. Its defaults were measured to leak prompts and keys through locals and breadcrumbs."""
    return {
        "dsn": dsn, "environment": settings.SENTRY_ENVIRONMENT, "data_collection": _NOTHING_PERSONAL,
        "max_breadcrumbs": 0, "traces_sample_rate": 0.0, "before_send": scrub_sentry,
    }  # fmt: skip


def start() -> None:
    """Called once in every process."""
    if settings.SENTRY_DSN:
        sentry_sdk.init(**options(settings.SENTRY_DSN))
