"""The queue over HTTP: how deep it is, and where the caller stands in it."""

from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import current
from core.ids import to_public
from core.openapi import describe
from generation import outlook, presenter, selectors, service, state
from generation.api import schemas
from generation.outlook import LaneView, Outlook
from generation.selectors import Filters

_MOST = 100


class Queue(APIView):
    """`GET /queue`: depth by lane, the caller's positions, slots used and allowed."""

    scopes = {"GET": "generations:read"}

    @describe(operation="getQueue", summary="Read the queue", answers={200: schemas.QUEUE})
    def get(self, request: Request) -> Response:
        caller, now = current.principal(request), timezone.now()
        stand = service.current(at=now)
        jobs = selectors.list_jobs(
            workspace_id=caller.workspace_id, sandbox=caller.sandbox, filters=Filters(states=state.LIVE), limit=_MOST
        )
        running, waiting = selectors.counts(workspace_id=caller.workspace_id, sandbox=caller.sandbox)
        expected = outlook.of(jobs, at=now)
        return Response(
            {
                "object": "queue",
                "service": {"level": stand.level, "message": stand.words},
                "lanes": [_lane(lane) for lane in outlook.lanes(at=now)],
                "slots": {"used": running, "allowed": caller.entitlements.max_running, "waiting": waiting},
                "generations": [
                    {
                        "id": to_public("gen", job.id), "status": job.state,
                        "queue": presenter.queue(job, expected.get(job.id, Outlook())),
                    }
                    for job in jobs
                ],
            }
        )  # fmt: skip


def _lane(lane: LaneView) -> dict[str, Any]:
    return {
        "lane": lane.lane, "depth": lane.depth, "backlog_s": round(lane.backlog_seconds),
        "waits_s": presenter.seconds(lane.waits), "paused": lane.paused,
    }  # fmt: skip
