"""Our terms in Luma's words: Dream Machine's /v1 as of November 2026."""

from collections.abc import Callable, Mapping
from typing import Any

from providers import params as asked
from providers.contracts import CanonicalRequest, Revision, WirePlan
from providers.errors import InvalidParams

_FORMATS = {"png": ("png", "image/png"), "jpeg": ("jpg", "image/jpeg")}
_LEAST_CHARACTERS = 3


def plan(revision: Revision, request: CanonicalRequest) -> WirePlan:
    """The request of a task. Raises InvalidParams."""
    make = _TASKS.get(request.task)
    if make is None:
        raise InvalidParams(f"This provider does not do {request.task}.", field="task")
    if request.inputs:
        raise InvalidParams("this provider takes files by public address alone", field=str(request.inputs[0].role))
    if len(str(request.params["prompt"]).strip()) < _LEAST_CHARACTERS:
        raise InvalidParams(f"at least {_LEAST_CHARACTERS} characters", field="prompt")
    asked.refuse(request.params, ("seed", "negative_prompt", "strength"), why="this model does not take it")
    return make(revision, request.params)


def _image(revision: Revision, given: Mapping[str, Any]) -> WirePlan:
    if given.get("style") not in (None, "", "auto"):
        raise InvalidParams("this model has no styles: say it in the prompt", field="style")
    size = asked.size(revision, given)
    form, media_type = _FORMATS[str(given.get("format", "png"))]
    payload = {
        "model": revision.spec["upstream"]["model"], "prompt": given["prompt"], "aspect_ratio": size.ratio,
        "format": form,
    }  # fmt: skip
    about = {"asset": "image", "media_type": media_type}
    return WirePlan(payload, "/generations/image", notes=size.notes, about=about)


def _video(revision: Revision, given: Mapping[str, Any]) -> WirePlan:
    if given.get("audio"):
        raise InvalidParams("this model's films are silent", field="audio")
    lengths = revision.spec["capabilities"]["durations_s"]
    seconds, notes = asked.rounded_up(given.get("duration_s", lengths[0]), lengths, field="duration_s")
    payload = {
        "model": revision.spec["upstream"]["model"], "prompt": given["prompt"], "duration": f"{seconds}s",
        "resolution": given.get("resolution", "720p"), "aspect_ratio": given.get("aspect_ratio", "16:9"),
        **({"loop": given["loop"]} if given.get("loop") is not None else {}),
    }  # fmt: skip
    return WirePlan(payload, "/generations/video", notes=notes, about={"asset": "video", "media_type": "video/mp4"})


_TASKS: Mapping[str, Callable[[Revision, Mapping[str, Any]], WirePlan]] = {"image": _image, "video": _video}
