"""The limits that a plan or a workspace may have: one schema, which refuses what it does not know by name."""

from collections.abc import Mapping
from typing import Any

from core.schemas import compile_body

# Names are public: see docs/api.md. A plan may limit a pipeline that this version does not run yet.
PIPELINES = ("image", "video", "music", "song", "ad_creative", "product_photo", "text", "speech")
LANES = ("enterprise", "pro", "free")
# Without these nothing could be dispatched; all others may be left out, which is no limit.
REQUIRED = ("lane", "weight", "max_running", "max_queued")

_MOST = 1_000_000
_COUNT = {"type": "integer", "minimum": 0, "maximum": _MOST}
_COUNT_OR_NONE = {"type": ["integer", "null"], "minimum": 0, "maximum": 1_000_000_000}
_BY_PIPELINE = {
    "type": "object",
    "additionalProperties": False,
    "properties": {name: _COUNT for name in PIPELINES},
}
_PROPERTIES: dict[str, Any] = {
    "lane": {"enum": list(LANES)},
    "weight": {"type": "integer", "minimum": 1, "maximum": 32_767},
    "max_running": _COUNT,
    "max_queued": _COUNT,
    "max_live_by_pipeline": _BY_PIPELINE,
    "daily_jobs": _COUNT_OR_NONE,
    "daily_jobs_by_pipeline": _BY_PIPELINE,
    "daily_credits": _COUNT_OR_NONE,
    "max_pixels": {"type": ["integer", "null"], "minimum": 1, "maximum": 1_000_000_000},
    "max_duration_seconds": {"type": ["integer", "null"], "minimum": 1, "maximum": 86_400},
    "retention_days": {"type": ["integer", "null"], "minimum": 1, "maximum": 36_500},
    "models": {
        "type": ["array", "null"],
        "minItems": 1,
        "maxItems": 200,
        "uniqueItems": True,
        "items": {"type": "string", "pattern": "^[a-z0-9][a-z0-9.-]{0,78}$"},
    },
}
KEYS = tuple(_PROPERTIES)
_SOME = compile_body({"type": "object", "additionalProperties": False, "properties": _PROPERTIES})
_WHOLE = compile_body(
    {"type": "object", "additionalProperties": False, "properties": _PROPERTIES, "required": list(REQUIRED)}
)


def checked_plan(limits: Mapping[str, Any]) -> dict[str, Any]:
    """A plan's limits as they are stored. Raises UnknownField or FieldsRejected with every fault by name."""
    _WHOLE.check(limits)
    return {name: _plain(value) for name, value in limits.items()}


def checked_overrides(limits: Mapping[str, Any]) -> dict[str, Any]:
    """Some limits, for one workspace. Raises as `checked_plan` does."""
    _SOME.check(limits)
    return {name: _plain(value) for name, value in limits.items()}


def _plain(value: Any) -> Any:
    """JSON Schema takes 2.0 for a whole number; PostgreSQL's cast to integer does not."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return int(value) if isinstance(value, float) else value
