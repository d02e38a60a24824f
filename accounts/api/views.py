"""Who the caller is, over HTTP."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import current
from accounts.entitlements import Entitlements
from core.ids import to_public
from core.openapi import describe

_COUNT_OR_NULL = {"type": ["integer", "null"]}
_BY_PIPELINE = {"type": "object", "additionalProperties": {"type": "integer"}}
_LIMITS = {
    "type": "object",
    "description": "Null, or a pipeline that is not named, is no limit. Days are those of UTC.",
    "properties": {
        "lane": {"type": "string"}, "max_queued": {"type": "integer"}, "max_live_by_pipeline": _BY_PIPELINE,
        "daily_jobs": _COUNT_OR_NULL, "daily_jobs_by_pipeline": _BY_PIPELINE, "daily_credits": _COUNT_OR_NULL,
        "max_pixels": _COUNT_OR_NULL, "max_duration_s": _COUNT_OR_NULL, "retention_days": _COUNT_OR_NULL,
        "models": {"type": ["array", "null"], "items": {"type": "string"}},
    },
    "required": ["lane", "max_queued"],
}  # fmt: skip
_ME = {
    "type": "object",
    "properties": {
        "object": {"const": "me"},
        "user": {"type": ["object", "null"], "properties": {"id": {"type": "string"}, "email": {"type": "string"}}},
        "workspace": {"type": "object", "properties": {"id": {"type": "string"}, "name": {"type": "string"}}},
        "role": {"type": "string"}, "sandbox": {"type": "boolean"}, "key": {"type": ["string", "null"]},
        "plan": {"type": "string"}, "scopes": {"type": "array", "items": {"type": "string"}},
        "limits": _LIMITS,
    },
    "required": ["object", "user", "workspace", "role", "sandbox", "key", "plan", "scopes", "limits"],
}  # fmt: skip


class Me(APIView):
    """`GET /me`: needs a caller and no scope."""

    scopes = {"GET": ""}

    @describe(operation="getMe", summary="Read who the caller is", answers={200: _ME})
    def get(self, request: Request) -> Response:
        caller = current.principal(request)
        granted = caller.entitlements
        return Response(
            {
                "object": "me",
                "user": {"id": to_public("usr", caller.user_id), "email": caller.email} if caller.user_id else None,
                "workspace": {"id": to_public("wsp", caller.workspace_id), "name": caller.workspace_name},
                "role": caller.role, "sandbox": caller.sandbox,
                "key": to_public("key", caller.key_id) if caller.key_id else None, "plan": granted.plan,
                "scopes": sorted(caller.scopes),
                "limits": _limits(granted),
            }
        )  # fmt: skip


def _limits(granted: Entitlements) -> dict[str, Any]:
    return {
        "lane": granted.lane, "max_queued": granted.max_queued, "max_live_by_pipeline": granted.max_live_by_pipeline,
        "daily_jobs": granted.daily_jobs, "daily_jobs_by_pipeline": granted.daily_jobs_by_pipeline,
        "daily_credits": granted.daily_credits, "max_pixels": granted.max_pixels,
        "max_duration_s": granted.max_duration_seconds, "retention_days": granted.retention_days,
        "models": None if granted.models is None else sorted(granted.models),
    }  # fmt: skip
