"""What waits for a model that cannot take it goes another way before it is begun: its circuit is open, or more waits
for it than it takes at once while a like model is free.

Costs next to nothing while all is well, and never more than some rows by index, however long the lines are.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import orjson
import structlog
from django.db import connection, transaction

from generation import rerouting, throttle
from generation.rerouting import Waiting
from providers import catalog, gateway
from providers.contracts import Revision

_log = structlog.get_logger(__name__)
_MOST_AT_ONCE = 50
# A limit that is reached to this part counts as full.
_FULL = 0.9
SHUT, FULL = "circuit_open", "saturated"


def divert(*, at: datetime) -> int:
    """Sends what waits in vain another way, where there is one; gives how many steps went."""
    shut, limits = gateway.shut(), throttle.limits()
    rivals = [revision for revision in _with_others() if shut.get(revision.slug) == 0 or revision.slug in limits]
    if not rivals:
        return 0
    under_way = _under_way()
    sent = 0
    for revision in rivals:
        most = limits.get(revision.slug)
        if shut.get(revision.slug) == 0:
            sent += _send(revision, reason=SHUT, beyond=0, room=Counter(), at=at)
        elif most is not None and under_way[revision.id] >= _FULL * most:
            sent += _send(revision, reason=FULL, beyond=most, room=_room(limits, under_way), at=at)
    if sent:
        _log.info("diversion.sent", steps=sent)
    return sent


def _with_others() -> list[Revision]:
    return [
        card.revision for card in catalog.cards()
        if card.revision.spec.get("fallback") or gateway.is_plural(card.revision)
    ]  # fmt: skip


def _room(limits: Mapping[str, int], under_way: Mapping[str, int]) -> Counter[str]:
    """How many more of each other model may be begun at once."""
    return Counter({
        card.revision.id: max(0, limits.get(card.revision.slug, _MOST_AT_ONCE) - under_way[card.revision.id])
        for card in catalog.cards()
    })  # fmt: skip


def _send(revision: Revision, *, reason: str, beyond: int, room: Counter[str], at: datetime) -> int:
    """Sends what is `beyond` so many of a model's line. A model that is full gives only to models that have room."""
    sent = 0
    with transaction.atomic():
        for step in _line(revision, beyond):
            way = rerouting.next_way(
                step=step, reason=reason, at=at, away_from=revision.id if reason == FULL else ""
            )  # fmt: skip
            if way is None or (reason == FULL and room[way.route.revision.id] <= 0):
                continue
            with connection.cursor() as cursor:
                cursor.execute("SELECT generation_send(%s, %s::jsonb)", [step.step_id, way.as_json()])
            room[way.route.revision.id] -= 1
            sent += 1
    return sent


def _line(revision: Revision, beyond: int) -> list[Waiting]:
    """Steps that wait for a model, after the first `beyond`; locked until they are sent."""
    with connection.cursor() as cursor:
        cursor.execute(_LINE.format(beyond=int(beyond), most=_MOST_AT_ONCE, end=int(beyond) + _MOST_AT_ONCE),
                       {"revision": revision.id})  # fmt: skip
        rows: list[tuple[UUID, UUID, str, str]] = cursor.fetchall()
    return [Waiting(step_id, space, name, orjson.loads(params)) for step_id, space, name, params in rows]


def _under_way() -> Counter[str]:
    with connection.cursor() as cursor:
        cursor.execute(_UNDER_WAY)
        return Counter(dict(cursor.fetchall()))


_UNDER_WAY = """
SELECT revision_id, count(*) FROM generation_step
WHERE state IN ('claimed', 'submitting', 'awaiting', 'collecting', 'reconciling') AND lease_owner <> ''
GROUP BY revision_id
"""
# Each lane by the index of a model's ready steps; limits are literals, as in a claim.
_LINE = """
SELECT s.id, j.workspace_id, s.name, s.params::text FROM generation_step s JOIN generation_job j ON j.id = s.job_id
WHERE s.id = ANY (ARRAY(
    SELECT m.id FROM generation_lane l, LATERAL (
        SELECT t.id, t.vtag FROM generation_step t
        WHERE t.placement = 'io' AND t.lane = l.name AND t.state = 'ready'
            AND t.revision_id >= %(revision)s AND t.revision_id <= %(revision)s
        ORDER BY t.revision_id, t.vtag, t.id LIMIT {end}) m
    ORDER BY m.vtag, m.id OFFSET {beyond} LIMIT {most}))
    AND s.state || '' = 'ready' AND s.token IS NULL
FOR UPDATE OF s SKIP LOCKED
"""
