"""How one server's words differ from the commonest: a connection's options, put into a plan. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from providers.contracts import Connection, WirePlan


def told(plan: WirePlan, options: Mapping[str, Any], *, streamed: bool = False) -> WirePlan:
    """The plan as this server takes it."""
    task = str(plan.about["task"])
    payload = {**plan.payload, **_options_of(options.get("body"), task)}
    if (field := options.get("end_user")) and plan.about.get("end_user"):
        payload[str(field)] = plan.about["end_user"]
    encoding = plan.encoding
    match task:
        case "text":
            _length(payload, options)
            if streamed:
                payload["stream"] = True
                if options.get("stream_usage", True):
                    payload["stream_options"] = {"include_usage": True}
        case "image" | "image_edit":
            _picture(payload, options)
        case "video" if not plan.files and options.get("video_encoding") == "json":
            encoding = "json"
    files = tuple(replace(part, field=options.get("image_field", part.field)) if part.field == "image" else part
                  for part in plan.files)  # fmt: skip
    return replace(plan, payload=payload, encoding=encoding, files=files, query={**plan.query, **query(options)})


def query(options: Mapping[str, Any]) -> dict[str, str]:
    """What stands behind every address of the server."""
    return {str(name): str(value) for name, value in (options.get("query") or {}).items()}


def url(connection: Connection, path: str) -> str:
    """The address of a path, with what stands behind every address."""
    behind = query(connection.options)
    return connection.url(path) + (f"?{urlencode(behind)}" if behind else "")


def headers(connection: Connection) -> dict[str, str]:
    """The secret as this server wants it, and what else goes with every request."""
    found = {str(name): str(value) for name, value in (connection.options.get("headers") or {}).items()}
    way = str(connection.options.get("auth", "bearer"))
    if connection.secret and way == "bearer":
        found["Authorization"] = f"Bearer {connection.secret.reveal()}"
    elif connection.secret and way != "none":
        found[way] = connection.secret.reveal()
    return found


def _options_of(body: Any, task: str) -> Mapping[str, Any]:
    """The fields that go into each request of a task."""
    found = (body or {}).get(task)
    return found if isinstance(found, Mapping) else {}


def _length(payload: dict[str, Any], options: Mapping[str, Any]) -> None:
    name = str(options.get("max_tokens", "max_tokens"))
    if "max_tokens" in payload:
        payload[name] = payload.pop("max_tokens")


def _picture(payload: dict[str, Any], options: Mapping[str, Any]) -> None:
    if options.get("image_size") == "width_height":
        width, _, height = str(payload.pop("size")).partition("x")
        payload |= {"width": int(width), "height": int(height)}
    if form := options.get("image_response_format", "b64_json"):
        payload["response_format"] = form
