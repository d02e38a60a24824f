"""What the API answers with, for its OpenAPI document. The presenter makes these; a test holds them together."""

from typing import Any

from generation import state

_TIME = {"type": "string", "format": "date-time"}
_MAYBE_TIME = {"type": ["string", "null"], "format": "date-time"}
_MAYBE_TEXT = {"type": ["string", "null"]}
NUMBER = {"type": ["integer", "string"], "description": "A number when whole, else a decimal text, such as 1.048576."}


def _object(properties: dict[str, Any], *, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


ERROR = _object(
    {
        "code": {"type": "string"},
        "category": {"enum": ["input", "moderation", "provider", "timeout", "capacity", "internal", "canceled"]},
        "message": {"type": "string"}, "retryable": {"type": "boolean"}, "provider_code": _MAYBE_TEXT,
        "refunded": {"type": "integer"},
    },
    optional=("refunded",),
)  # fmt: skip
OUTPUT = _object(
    {
        "index": {"type": "integer"}, "status": {"enum": ["succeeded", "failed", "blocked"]}, "asset": _MAYBE_TEXT,
        "media_type": _MAYBE_TEXT, "width": {"type": ["integer", "null"]}, "height": {"type": ["integer", "null"]},
        "urls": {"type": "object", "additionalProperties": {"type": "string"}},
        "safety": _object({"verdict": {"type": "string"}}), "error": {"oneOf": [ERROR, {"type": "null"}]},
    }
)  # fmt: skip
SPAN = {
    "oneOf": [_object({"p50": {"type": "integer"}, "p90": {"type": "integer"}}), {"type": "null"}],
    "description": "Seconds from now within which half, and nine of ten, such cases are over.",
}
QUEUE_PLACE = _object(
    {
        "position": {"type": ["integer", "null"], "description": "1 is next; 1000 means that or further back."},
        "lane": {"type": "string"}, "starts_in_s": SPAN, "eta_s": SPAN, "reason": _MAYBE_TEXT,
    }
)  # fmt: skip
GENERATION = _object(
    {
        "id": {"type": "string"}, "object": {"const": "generation"}, "pipeline": {"type": "string"},
        "status": {"enum": list(state.ALL)}, "stage": _MAYBE_TEXT, "progress": {"type": "number"},
        "queue": QUEUE_PLACE,
        "model": _object({"requested": {"type": "string"}, "resolved": {"type": "string"},
                          "version": {"type": "string"}, "fallback_from": _MAYBE_TEXT, "fallback_reason": _MAYBE_TEXT}),
        "input": {"type": "object"},
        "steps": {"type": "array", "items": _object({"name": {"type": "string"}, "status": {"type": "string"}})},
        "outputs": {"type": "array", "items": OUTPUT},
        "charge": _object({"quoted": {"type": "integer"}, "held": {"type": "integer"},
                           "captured": {"type": "integer"}, "released": {"type": "integer"}, "reason": _MAYBE_TEXT}),
        "error": {"oneOf": [ERROR, {"type": "null"}]}, "parent": _MAYBE_TEXT, "external_id": _MAYBE_TEXT,
        "metadata": {"type": "object"}, "visibility": {"type": "string"}, "created_at": _TIME,
        "started_at": _MAYBE_TIME, "completed_at": _MAYBE_TIME, "expires_at": _MAYBE_TIME,
        "seq": {"type": "integer"}, "poll_after_ms": {"type": ["integer", "null"]},
        "urls": _object({"self": {"type": "string"}, "cancel": {"type": "string"}, "events": {"type": "string"}}),
    }
)  # fmt: skip
QUOTE = _object(
    {
        "id": {"type": "string"}, "object": {"const": "quote"}, "pipeline": {"type": "string"},
        "model": {"type": "string"},
        "lines": {"type": "array", "items": _object({"label": {"type": "string"}, "unit": {"type": "string"},
                                                     "quantity": NUMBER, "credits": {"type": "integer"}})},
        "total_credits": {"type": "integer"}, "expires_at": _TIME,
        "warnings": {"type": "array", "items": {"type": "string"}},
    }
)  # fmt: skip
ATTEMPT = _object(
    {
        "step": {"type": "string"}, "no": {"type": "integer"}, "model": {"type": "string"},
        "version": {"type": "string"}, "adapter": {"type": "string"}, "outcome": {"type": "string"},
        "error_code": _MAYBE_TEXT, "latency_ms": {"type": ["integer", "null"]}, "started_at": _TIME,
        "finished_at": _MAYBE_TIME,
    }
)  # fmt: skip
QUEUE = _object(
    {
        "object": {"const": "queue"},
        "service": _object({"level": {"type": "integer"}, "message": {"type": "string"}}),
        "lanes": {"type": "array", "items": _object({
            "lane": {"type": "string"}, "depth": {"type": "integer", "description": "Steps that wait for a slot."},
            "backlog_s": {"type": "integer", "description": "Expected seconds of work that waits."},
            "waits_s": SPAN, "paused": {"type": "boolean"}})},
        "slots": _object({"used": {"type": "integer"}, "allowed": {"type": "integer"}, "waiting": {"type": "integer"}}),
        "generations": {"type": "array", "items": _object({"id": {"type": "string"}, "status": {"type": "string"},
                                                           "queue": QUEUE_PLACE})},
    }
)  # fmt: skip
