"""Request bodies of the generation API: one schema to check them and to document them."""

from core.schemas import compile_body

_MODEL = {"type": "string", "minLength": 1, "maxLength": 120, "description": "A catalogue id, `id@version`, or `auto`."}
_PIPELINE = {"type": "string", "minLength": 1, "maxLength": 20}
_INPUT = {"type": "object", "description": "Validated against the model's own schema: see `GET /models/{id}`."}
_SECONDS = {"type": "integer", "minimum": 1, "maximum": 86_400}

QUOTE = compile_body(
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["pipeline", "input"],
        "properties": {"pipeline": _PIPELINE, "model": _MODEL, "input": _INPUT},
    }
)
GENERATION = compile_body(
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["pipeline", "input"],
        "properties": {
            "pipeline": _PIPELINE,
            "model": _MODEL,
            "input": _INPUT,
            "quote_id": {"type": "string", "maxLength": 40},
            "max_credits": {"type": "integer", "minimum": 1, "maximum": 2_147_483_647},
            "priority": {"enum": ["standard"]},
            "allow_fallback": {"type": "boolean"},
            "start_deadline_s": _SECONDS,
            "deadline_s": _SECONDS,
            "metadata": {
                "type": "object",
                "maxProperties": 20,
                "additionalProperties": {"type": ["string", "number", "boolean", "null"], "maxLength": 500},
            },
            "external_id": {"type": "string", "minLength": 1, "maxLength": 120},
            "visibility": {"enum": ["private"]},
        },
    }
)
EMPTY = compile_body({"type": "object", "additionalProperties": False, "properties": {}})
