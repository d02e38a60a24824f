"""Our terms in Vertex's words: pictures as Gemini's API takes them, and films by Veo.

Paths are without the project and place, which the connection says.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from providers import params as asked
from providers.adapters.google import mapping as gemini
from providers.adapters.inline import slot
from providers.contracts import CanonicalRequest, FilePart, Media, Revision, WirePlan
from providers.errors import InvalidParams

_FRAMES = {"first_frame": "image", "input": "image", "last_frame": "lastFrame"}
_TAKEN = {
    "aspect_ratio": "aspectRatio", "resolution": "resolution", "seed": "seed", "negative_prompt": "negativePrompt",
    "audio": "generateAudio",
}  # fmt: skip


def plan(revision: Revision, request: CanonicalRequest) -> WirePlan:
    """The request of a task. Raises InvalidParams."""
    if request.task in {"image", "image_edit"}:
        planned = gemini.picture(revision, request)
    elif request.task == "video":
        planned = _film(revision, request)
    else:
        raise InvalidParams(f"This provider does not do {request.task}.", field="task")
    place = revision.spec["upstream"].get("location", "")
    return replace(planned, about={**planned.about, "location": place})


def _film(revision: Revision, request: CanonicalRequest) -> WirePlan:
    given, able = request.params, revision.spec["capabilities"]
    gemini.refuse(given, ("style", "quality"))
    offered = revision.spec["input"]["properties"]
    gemini.refuse(given, [name for name in _TAKEN if name not in offered])
    seconds, notes = asked.rounded_up(given.get("duration_s", 8), able["durations"], field="duration_s")
    if not request.inputs and not given.get("prompt"):
        raise InvalidParams("say what the film shows", field="prompt")
    chosen = {theirs: given.get(ours) for ours, theirs in _TAKEN.items()}
    payload = {
        "instances": [{"prompt": given["prompt"], **_pictures(request.inputs, able)}],
        "parameters": {
            "sampleCount": 1, "durationSeconds": int(seconds),
            **{name: value for name, value in chosen.items() if value not in (None, "auto")},
        },
    }  # fmt: skip
    path = f"/models/{revision.spec['upstream']['model']}:predictLongRunning"
    files = tuple(FilePart("bytesBase64Encoded", item) for item in request.inputs)
    return WirePlan(payload, path, files=files, notes=notes, about={"task": "video"})


def _pictures(inputs: tuple[Media, ...], able: Mapping[str, Any]) -> dict[str, Any]:
    """First and last frame and references. Raises InvalidParams for those that this model does not take."""
    found: dict[str, Any] = {}
    for number, item in enumerate(inputs):
        place = {"bytesBase64Encoded": slot(number), "mimeType": item.media_type}
        name = _FRAMES.get(item.role)
        if name and name not in found and item.role in able.get("frames", ()):
            found[name] = place
        elif item.role == "reference" and len(found.get("referenceImages", ())) < int(able.get("references", 0)):
            found.setdefault("referenceImages", []).append({"image": place, "referenceType": "asset"})
        else:
            raise InvalidParams(f"this model takes no such {item.role.replace('_', ' ')}", field=item.role)
    if len(found) > 1 and "referenceImages" in found:
        raise InvalidParams("frames and references do not go together", field="reference")
    return found
