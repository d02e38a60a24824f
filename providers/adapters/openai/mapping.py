"""Our terms in OpenAI's words: /v1 as of November 2026."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from providers import params as asked
from providers.contracts import CanonicalRequest, FilePart, Revision, WirePlan
from providers.errors import InvalidParams

_READ_SECONDS = 240.0
IMAGE_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
SPEECH_TYPES = {
    "mp3": "audio/mpeg", "opus": "audio/ogg", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav",
    "pcm": "audio/pcm",
}  # fmt: skip


def plan(revision: Revision, request: CanonicalRequest) -> WirePlan:
    """The request of a task. Raises InvalidParams."""
    make = _TASKS.get(request.task)
    if make is None:
        raise InvalidParams(f"This provider does not do {request.task}.", field="task")
    found = make(revision, request)
    patience = {"read_seconds": float(revision.spec.get("latency", {}).get("submit_s", _READ_SECONDS))}
    return replace(found, about={**found.about, **patience})


def _image(revision: Revision, request: CanonicalRequest) -> WirePlan:
    payload, about, notes = _picture(revision, request)
    return WirePlan(payload, "/images/generations", notes=notes, about=about)


def _image_edit(revision: Revision, request: CanonicalRequest) -> WirePlan:
    payload, about, notes = _picture(revision, request)
    sources = [item for item in request.inputs if item.role in {"input", "reference"}]
    if not sources:
        raise InvalidParams("An edit needs a picture.", field="image")
    files = [FilePart("image[]", item) for item in sources]
    files += [FilePart("mask", item) for item in request.inputs if item.role == "mask"]
    return WirePlan(
        payload, "/images/edits", encoding="multipart", files=tuple(files), notes=notes, about=about,
    )  # fmt: skip


def _picture(revision: Revision, request: CanonicalRequest) -> tuple[dict[str, Any], dict[str, Any], tuple[Any, ...]]:
    given = request.params
    asked.refuse(given, ("seed", "negative_prompt"), why="this model does not take it")
    size = asked.size(revision, given)
    form = str(given.get("format", "png"))
    if given.get("background") == "transparent" and form == "jpeg":
        raise InvalidParams("a JPEG has no transparency: choose png or webp", field="background")
    payload = {
        "model": revision.spec["upstream"]["model"], "prompt": given["prompt"], "n": 1,
        "size": f"{size.width}x{size.height}", "output_format": form,
        **chosen(given, {"quality": "quality", "background": "background"}),
        **({"safety_identifier": request.end_user} if request.end_user else {}),
    }  # fmt: skip
    return payload, {"task": "image", "media_type": IMAGE_TYPES[form]}, size.notes


def _text(revision: Revision, request: CanonicalRequest) -> WirePlan:
    given = request.params
    payload = {
        "model": revision.spec["upstream"]["model"], "messages": list(given["messages"]),
        **chosen(given, {"max_tokens": "max_completion_tokens", "temperature": "temperature", "seed": "seed"}),
        **({"safety_identifier": request.end_user} if request.end_user else {}),
    }  # fmt: skip
    return WirePlan(payload, "/chat/completions", about={"task": "text"})


def _speech(revision: Revision, request: CanonicalRequest) -> WirePlan:
    given = request.params
    form = str(given.get("format", "mp3"))
    payload = {
        "model": revision.spec["upstream"]["model"], "input": given["text"], "voice": given["voice"],
        "response_format": form, **chosen(given, {"speed": "speed", "instructions": "instructions"}),
    }  # fmt: skip
    return WirePlan(payload, "/audio/speech", about={"task": "speech", "media_type": SPEECH_TYPES[form]})


def _moderate(revision: Revision, request: CanonicalRequest) -> WirePlan:
    payload = {
        "model": revision.spec["upstream"]["model"], "input": [{"type": "text", "text": request.params["text"]}],
    }  # fmt: skip
    return WirePlan(payload, "/moderations", about={"task": "moderate"})


def chosen(given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """What was chosen of these, under the provider's names. `auto` is the provider's own choice."""
    return {theirs: given[ours] for ours, theirs in names.items() if given.get(ours) not in (None, "auto")}


_TASKS: Mapping[str, Callable[[Revision, CanonicalRequest], WirePlan]] = {
    "image": _image, "image_edit": _image_edit, "text": _text, "speech": _speech, "moderate": _moderate,
}  # fmt: skip
