"""PostgreSQL, always: the ledger's functions and the queue's claims live in it."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from wildmind.local.discover import environment
from wildmind.settings.env import env_int, env_str

# In a second terminal the running `make run` answers for its private servers.
environment()


def _database(url: str) -> dict[str, Any]:
    """Django's dict for `postgresql://user:password@host:port/name?host=/socket/folder`."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured("DATABASE_URL must start with postgresql:// - PostgreSQL is the only database.")
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or query.pop("user", "")),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", unquote(parts.hostname or "")),
        "PORT": str(parts.port or query.pop("port", "")),
        # An old snapshot slows every claim twentyfold, so a forgotten transaction is ended.
        "OPTIONS": {
            # Short statements only lose by being compiled: a look at the queue took a second for it, its rows 8 ms.
            "options": "-c idle_in_transaction_session_timeout=60000 -c statement_timeout=60000 -c jit=off",
            # Values travel apart from the statement: PostgreSQL logs a failing statement, and prompts are values.
            "server_side_binding": True,
            # Django turns preparing off where nothing is said; None turns it off here.
            "prepare_threshold": env_int("WILDMIND_DATABASE_PREPARE", default=5, minimum=0) or None,
            "pool": {
                "min_size": 0,
                "max_size": env_int("WILDMIND_DATABASE_POOL", default=16, minimum=1),
                "timeout": 10,
                # One attempt to connect serves all who wait, and its pauses double: given up early, a database that
                # is back is found within seconds however long it was away.
                "reconnect_timeout": 2,
            },
            **query,
        },
        "CONN_MAX_AGE": 0,
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }


DATABASE_URL = env_str("DATABASE_URL", default="")
if not DATABASE_URL:
    raise ImproperlyConfigured(
        "DATABASE_URL is not set and no local run was found. Start `make run`, or set DATABASE_URL and REDIS_URL."
    )
DATABASES = {"default": _database(DATABASE_URL)}
