"""What `/readyz` asks: each app registers a probe, and one that fails says why."""

from collections.abc import Callable
from dataclasses import dataclass

from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

Probe = Callable[[], str | None]
_probes: dict[str, Probe] = {}


@dataclass(frozen=True, slots=True)
class Check:
    """One probe's answer; `problem` is None when all is well."""

    name: str
    problem: str | None


def register(name: str, probe: Probe) -> None:
    """Adds a probe: a function that returns None, or a sentence that says what is wrong."""
    _probes[name] = probe


def check_all() -> list[Check]:
    """Runs every probe. A probe that raises is a failed check, never a failed page."""
    return [Check(name, _run(probe)) for name, probe in _probes.items()]


def _run(probe: Probe) -> str | None:
    try:
        return probe()
    except Exception as exc:  # noqa: BLE001 - whatever a probe meets is its answer
        return f"{type(exc).__name__}"


def _database() -> str | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return None


_migrated = False


def _migrations() -> str | None:
    global _migrated
    if not _migrated:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return "The database is not migrated: run `manage.py migrate`."
        _migrated = True
    return None


def _redis() -> str | None:
    cache.set("health", 1, 5)
    return None if cache.get("health") == 1 else "Redis does not keep what it is given."


register("database", _database)
register("migrations", _migrations)
register("redis", _redis)
