"""Our terms in the words that OpenAI's followers share. What a model of an operator takes, its catalogue file says."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from providers import params as asked
from providers.adapters.openai.mapping import IMAGE_TYPES, SPEECH_TYPES, chosen
from providers.contracts import CanonicalRequest, FilePart, Media, Note, Revision, WirePlan
from providers.errors import InvalidParams

# What a picture may be asked for by, under its name in the request.
_PICTURE = {
    "quality": "quality", "background": "background", "style": "style", "seed": "seed", "strength": "strength",
    "negative_prompt": "negative_prompt", "format": "output_format",
}  # fmt: skip
_NATIVE_VIDEO = {
    "aspect_ratio": "aspect_ratio", "resolution": "resolution", "audio": "generate_audio", "seed": "seed",
}  # fmt: skip


def plan(revision: Revision, request: CanonicalRequest) -> WirePlan:
    """The request of a task, in the commonest dialect. Raises InvalidParams."""
    make = _TASKS.get(request.task)
    if make is None:
        raise InvalidParams(f"This provider does not do {request.task}.", field="task")
    found = make(revision, request)
    payload = {
        "model": revision.spec["upstream"]["model"], **found.payload, **revision.spec["upstream"].get("body", {})
    }  # fmt: skip
    return replace(found, payload=payload, about={**found.about, "task": request.task, "end_user": request.end_user})


def _text(revision: Revision, request: CanonicalRequest) -> WirePlan:
    names = {"max_tokens": "max_tokens", "temperature": "temperature", "seed": "seed"}
    return WirePlan(
        {"messages": list(request.params["messages"]), **chosen(request.params, names)}, "/chat/completions"
    )


def _image(revision: Revision, request: CanonicalRequest) -> WirePlan:
    payload, about, notes = _picture(revision, request)
    return WirePlan(payload, "/images/generations", notes=notes, about=about)


def _image_edit(revision: Revision, request: CanonicalRequest) -> WirePlan:
    payload, about, notes = _picture(revision, request)
    sources = _sources(request, "input", "reference")
    if not sources:
        raise InvalidParams("An edit needs a picture.", field="image")
    files = [FilePart("image", item) for item in sources]
    files += [FilePart("mask", item) for item in _sources(request, "mask")]
    return WirePlan(payload, "/images/edits", encoding="multipart", files=tuple(files), notes=notes, about=about)


def _picture(revision: Revision, request: CanonicalRequest) -> tuple[dict[str, Any], dict[str, Any], tuple[Note, ...]]:
    size = asked.size(revision, request.params)
    form = str(request.params.get("format", "png"))
    payload = {
        "prompt": request.params["prompt"], "n": 1, "size": f"{size.width}x{size.height}",
        **chosen(request.params, _PICTURE),
    }  # fmt: skip
    return payload, {"media_type": IMAGE_TYPES[form]}, size.notes


def _speech(revision: Revision, request: CanonicalRequest) -> WirePlan:
    given = request.params
    form = str(given.get("format", "mp3"))
    payload = {
        "input": given["text"], "voice": given["voice"], "response_format": form,
        **chosen(given, {"speed": "speed", "instructions": "instructions", "language": "language"}),
    }  # fmt: skip
    return WirePlan(payload, "/audio/speech", about={"media_type": SPEECH_TYPES[form]})


def _video(revision: Revision, request: CanonicalRequest) -> WirePlan:
    lengths = revision.spec["capabilities"]["durations"]
    seconds, notes = asked.rounded_up(request.params["duration_s"], lengths, field="duration_s")
    if revision.spec["upstream"].get("fields") == "native":
        return _native_video(request, seconds, notes)
    asked.refuse(request.params, ("audio", "seed"), why="this model does not take it")
    size = asked.size(revision, _pixels(request.params))
    sources = _sources(request, "first_frame", "input", "reference")
    if len(sources) > 1:
        raise InvalidParams("A film begins with one picture.", field="image")
    files = tuple(FilePart("input_reference", item) for item in sources)
    payload = {"prompt": request.params["prompt"], "seconds": f"{seconds:f}", "size": f"{size.width}x{size.height}"}
    return WirePlan(payload, "/videos", encoding="multipart", files=files, notes=(*notes, *size.notes))


def _native_video(request: CanonicalRequest, seconds: Decimal, notes: tuple[Note, ...]) -> WirePlan:
    """In the words of OpenRouter, which take a shape by name."""
    if request.inputs:
        raise InvalidParams("This model is given no pictures.", field="image")
    length: int | float = int(seconds) if seconds == int(seconds) else float(seconds)
    payload = {"prompt": request.params["prompt"], "duration": length, **chosen(request.params, _NATIVE_VIDEO)}
    return WirePlan(payload, "/videos", notes=notes)


def _pixels(given: Mapping[str, Any]) -> dict[str, int]:
    """A shape and a resolution as pixels: 16:9 of 720p is 1280x720."""
    across, _, down = str(given.get("aspect_ratio", "16:9")).partition(":")
    short = int(str(given.get("resolution", "720p")).removesuffix("p"))
    ratio = Decimal(across) / Decimal(down)
    if ratio >= 1:
        return {"width": round(short * ratio), "height": short}
    return {"width": short, "height": round(short / ratio)}


def _sources(request: CanonicalRequest, *roles: str) -> list[Media]:
    return [item for item in request.inputs if item.role in roles]


_TASKS: Mapping[str, Callable[[Revision, CanonicalRequest], WirePlan]] = {
    "text": _text, "image": _image, "image_edit": _image_edit, "speech": _speech, "video": _video,
}  # fmt: skip
