"""Gives each attempt the connection that it goes by, and writes that down before anything is sent."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from django.db import connection

from core.errors import NotFound
from generation.settlement import Started
from providers import gateway
from providers.contracts import Connection, Revision
from providers.errors import UnknownAdapter


def routes_of(
    started: Sequence[Started], revisions: Mapping[str, Revision]
) -> tuple[list[Started], dict[UUID, Connection]]:
    """The steps with their connections, and these by step. A step for which there is none now is not among them.

    A new attempt takes the one that its step is bound to, or the one with the least under way; one that its provider
    has already stays where it is. What computes here has a connection that is no row, and costs no statement.
    """
    loads = _loads() if any(_may_choose(step, revisions) for step in started) else Counter()
    routes: dict[UUID, Connection] = {}
    new: list[Started] = []
    steps: list[Started] = []
    for step in started:
        try:
            route = _route(step, revisions[step.revision_id], loads)
        except (NotFound, UnknownAdapter):
            route = None
        if route is None:
            steps.append(step)
            continue
        routes[step.step_id] = route
        if route.row_id is not None and step.connection_id != route.row_id:
            step = replace(step, connection_id=route.id)
            new.append(step)
            loads[route.id] += 1
        steps.append(step)
    _write(new)
    return steps, routes


def _may_choose(step: Started, revisions: Mapping[str, Revision]) -> bool:
    """Whether its connection depends on what is under way on each."""
    if step.connection_id is not None:
        return False
    return gateway.has_choice(revisions[step.revision_id], workspace_id=step.workspace_id)


def _route(step: Started, revision: Revision, loads: Mapping[UUID, int]) -> Connection | None:
    if step.connection_id is not None:
        if step.mode != "submit" or gateway.may_begin(step.connection_id):
            return gateway.connection(revision=revision, connection_id=step.connection_id)
        if not gateway.is_operators(step.connection_id):
            # A workspace's own that is paused or gone: its work is made nowhere else.
            return None
    return gateway.choose(revision=revision, workspace_id=step.workspace_id, loads=loads)


def _loads() -> Counter[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(_LOADS)
        return Counter(dict(cursor.fetchall()))


def _write(steps: Sequence[Started]) -> None:
    if steps:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT generation_connect(%s::uuid[], %s::uuid[])",
                [[step.token for step in steps], [step.connection_id for step in steps]],
            )


_LOADS = """
SELECT connection_id, count(*) FROM generation_step
WHERE state IN ('submitting', 'awaiting', 'collecting', 'reconciling') AND lease_owner <> ''
    AND connection_id IS NOT NULL GROUP BY connection_id
"""
