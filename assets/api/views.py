"""Assets over HTTP: the list, one, and its bytes by a short-lived link."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import current
from assets import selectors
from core import pagination
from core.errors import FieldsRejected, NotFound
from core.ids import from_public, to_public
from core.openapi import CURSOR, LIMIT, describe, listing

VARIANTS = ("original", "web", "thumb", "poster", "waveform")
_ASSET = {
    "type": "object",
    "properties": {
        "id": {"type": "string"}, "object": {"const": "asset"}, "kind": {"type": "string"},
        "media_type": {"type": "string"}, "width": {"type": "integer"}, "height": {"type": "integer"},
        "size_bytes": {"type": "integer"}, "sha256": {"type": "string"}, "generation": {"type": "string"},
        "index": {"type": "integer"}, "model": {"type": "string"}, "meta": {"type": "object"},
        "created_at": {"type": "string", "format": "date-time"},
        "urls": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["id", "object", "kind", "media_type", "width", "height", "size_bytes", "sha256", "generation",
                 "index", "model", "meta", "created_at", "urls"],
}  # fmt: skip


class Assets(APIView):
    """`GET /assets`: everything in the gallery, newest first."""

    scopes = {"GET": "assets:read"}

    @describe(operation="listAssets", summary="List assets", answers={200: listing(_ASSET)}, problems=(400,),
              parameters=(LIMIT, CURSOR))  # fmt: skip
    def get(self, request: Request) -> Response:
        caller = current.principal(request)
        limit = pagination.read_limit(request.query_params.get("limit"))
        found = selectors.gallery(
            workspace_id=caller.workspace_id, sandbox=caller.sandbox, at=timezone.now(), limit=limit + 1,
            before=pagination.read_cursor(request.query_params.get("cursor")),
        )  # fmt: skip
        return Response(pagination.page(found, limit, _shown))


class Asset(APIView):
    """`GET /assets/{id}`."""

    scopes = {"GET": "assets:read"}

    @describe(operation="getAsset", summary="Read an asset", answers={200: _ASSET}, problems=(404,))
    def get(self, request: Request, public_id: str) -> Response:
        caller = current.principal(request)
        found = selectors.get(
            workspace_id=caller.workspace_id, asset_id=_id(public_id), sandbox=caller.sandbox, at=timezone.now()
        )
        return Response(_shown(found))


class Content(APIView):
    """`GET /assets/{id}/content`: 302 to a link that works for some minutes."""

    scopes = {"GET": "assets:read"}

    @describe(operation="getAssetContent", summary="Read an asset's bytes", answers={302: None}, problems=(400, 404),
              parameters=(OpenApiParameter("variant", str, enum=VARIANTS),))  # fmt: skip
    def get(self, request: Request, public_id: str) -> HttpResponse:
        caller = current.principal(request)
        variant = request.query_params.get("variant", "original")
        if variant not in VARIANTS:
            raise FieldsRejected([{"field": "variant", "reason": f"must be one of: {', '.join(VARIANTS)}"}])
        url = selectors.content_link(
            workspace_id=caller.workspace_id, asset_id=_id(public_id), sandbox=caller.sandbox, variant=variant,
            at=timezone.now(),
        )  # fmt: skip
        return HttpResponseRedirect(url)


def _id(public_id: str) -> UUID:
    found = from_public("ast", public_id)
    if found is None:
        raise NotFound
    return found


def _shown(asset: selectors.AssetView) -> dict[str, Any]:
    return {
        "id": to_public("ast", asset.id), "object": "asset", "kind": asset.kind, "media_type": asset.media_type,
        "width": asset.width, "height": asset.height, "size_bytes": asset.size_bytes, "sha256": asset.sha256,
        "generation": to_public("gen", asset.source_id), "index": asset.source_index, "model": asset.model,
        "meta": asset.meta, "created_at": asset.created_at, "urls": asset.urls,
    }  # fmt: skip
