"""The models on offer over HTTP: what the catalogue says of them, and their prices."""

from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import current
from core.openapi import describe, listing
from credits import pricing
from generation import offers
from generation.api.schemas import NUMBER
from generation.offers import Offered

_MODEL = {
    "type": "object",
    "properties": {
        "id": {"type": "string"}, "object": {"const": "model"}, "pipeline": {"type": "string"},
        "version": {"type": "string"}, "name": {"type": "string"}, "tagline": {"type": "string"},
        "procedural": {"type": "boolean"}, "input": {"type": "object"}, "capabilities": {"type": "object"},
        "prices": {"type": "array", "items": {"type": "object", "properties": {
            "unit": {"type": "string"}, "credits": NUMBER}, "required": ["unit", "credits"]}},
        "latency_s": {"type": "object"}, "status": {"enum": ["active", "degraded", "retiring", "disabled"]},
        "retires_at": {"type": ["string", "null"], "format": "date-time"}, "successor": {"type": ["string", "null"]},
    },
    "required": ["id", "object", "pipeline", "version", "name", "procedural", "input", "capabilities", "prices",
                 "status", "retires_at", "successor"],
}  # fmt: skip


class Models(APIView):
    """`GET /models`: what the caller may use."""

    scopes = {"GET": "models:read"}

    @describe(operation="listModels", summary="List models", answers={200: listing(_MODEL)})
    def get(self, request: Request) -> Response:
        data = [
            _shown(offered)
            for offered in offers.models(at=timezone.now(), workspace_id=current.principal(request).workspace_id)
        ]
        return Response({"object": "list", "data": data, "has_more": False, "next_cursor": None})


class Model(APIView):
    """`GET /models/{id}`: one, with the JSON Schema of its input."""

    scopes = {"GET": "models:read"}

    @describe(operation="getModel", summary="Read a model", answers={200: _MODEL}, problems=(404,))
    def get(self, request: Request, model: str) -> Response:
        return Response(
            _shown(offers.model(model, at=timezone.now(), workspace_id=current.principal(request).workspace_id))
        )


def _shown(offered: Offered) -> dict[str, Any]:
    card, rate = offered.card, offered.rate
    spec, revision = card.revision.spec, card.revision
    latency = spec.get("latency", {})
    return {
        "id": revision.slug, "object": "model", "pipeline": revision.pipeline, "version": revision.version,
        "name": revision.name, "tagline": spec.get("tagline", ""), "procedural": revision.procedural,
        "input": spec["input"], "capabilities": spec["capabilities"],
        "prices": [{"unit": rate.unit, "credits": pricing.shown(rate.credits)}],
        "latency_s": {"p50": latency.get("p50_s"), "p95": latency.get("p95_s")}, "status": card.status,
        "retires_at": card.retires_at, "successor": card.successor or None,
    }  # fmt: skip
