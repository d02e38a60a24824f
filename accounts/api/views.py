"""Who the caller is, over HTTP."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import current
from core.ids import to_public
from core.openapi import describe

_ME = {
    "type": "object",
    "properties": {
        "object": {"const": "me"},
        "user": {"type": ["object", "null"], "properties": {"id": {"type": "string"}, "email": {"type": "string"}}},
        "workspace": {"type": "object", "properties": {"id": {"type": "string"}, "name": {"type": "string"}}},
        "role": {"type": "string"}, "sandbox": {"type": "boolean"}, "key": {"type": ["string", "null"]},
        "plan": {"type": "string"}, "scopes": {"type": "array", "items": {"type": "string"}},
        "limits": {"type": "object", "properties": {
            "lane": {"type": "string"}, "max_queued": {"type": "integer"}}},
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
                "limits": {"lane": granted.lane, "max_queued": granted.max_queued},
            }
        )  # fmt: skip
