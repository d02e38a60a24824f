"""What a ComfyUI server says of a job: nothing, that it waits, or what came of it."""

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlencode

from providers.contracts import Artifact, Connection, Done
from providers.errors import BadOutput, ProviderFailed

Standing = Literal["waiting", "running", "absent"]

_TYPES = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp", "gif": "image/gif",
    "avif": "image/avif", "mp4": "video/mp4", "webm": "video/webm", "mov": "video/quicktime", "mp3": "audio/mpeg",
    "flac": "audio/flac", "opus": "audio/ogg", "ogg": "audio/ogg", "wav": "audio/wav", "m4a": "audio/mp4",
}  # fmt: skip


def outcome(entry: Mapping[str, Any], *, prefix: str, connection: Connection) -> Done | None:
    """What a job's entry in the history comes to; None while it says nothing that we know as an end. Raises
    ProviderFailed and BadOutput."""
    status = entry.get("status") or {}
    word = status.get("status_str")
    if word == "error":
        raise ProviderFailed("the workflow failed", provider_code=_reason(status.get("messages")))
    if word != "success" and not status.get("completed"):
        return None
    found = [_artifact(item, connection) for item in _saved(entry.get("outputs")) if _is_ours(item, prefix)]
    if not found:
        raise BadOutput("The workflow ended and saved nothing of this job.")
    return Done(tuple(found))


def standing(queue: Mapping[str, Any], job: str) -> Standing:
    """Where a job is in a server's queue."""
    for key, name in (("queue_running", "running"), ("queue_pending", "waiting")):
        for item in queue.get(key) or ():
            if isinstance(item, list) and len(item) > 1 and item[1] == job:
                return "running" if name == "running" else "waiting"
    return "absent"


def _saved(outputs: Any) -> list[Mapping[str, Any]]:
    """Every file of every node, whatever kind of list it stands in."""
    nodes = outputs.values() if isinstance(outputs, dict) else ()
    lists = [items for node in nodes if isinstance(node, dict) for items in node.values() if isinstance(items, list)]
    return [item for items in lists for item in items if isinstance(item, dict) and item.get("filename")]


def _is_ours(item: Mapping[str, Any], prefix: str) -> bool:
    return item.get("type") == "output" and prefix in f"{item.get('subfolder', '')}/{item['filename']}"


def _artifact(item: Mapping[str, Any], connection: Connection) -> Artifact:
    name = str(item["filename"])
    where = urlencode({"filename": name, "subfolder": str(item.get("subfolder", "")), "type": "output"})
    return Artifact(_TYPES.get(name.rpartition(".")[2].lower(), ""), url=connection.url(f"/view?{where}"))


def _reason(messages: Any) -> str:
    """The class of what went wrong: its message may repeat a prompt."""
    for message in messages if isinstance(messages, list) else ():
        match message:
            case ["execution_error", {"exception_type": str(kind)}]:
                return kind
            case ["execution_interrupted", *_]:
                return "execution_interrupted"
    return "execution_error"
