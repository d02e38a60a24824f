"""Our terms in the words of the models on Bedrock: each maker has its own, which `upstream.family` names."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from providers import params as asked
from providers.adapters.inline import slot
from providers.contracts import CanonicalRequest, FilePart, Note, Revision, WirePlan
from providers.errors import InvalidParams

_IMAGE_TYPES = {"png": "image/png", "jpeg": "image/jpeg"}
# How far from its source a variation may go unless it is said.
_USUAL_STRENGTH = 0.7


def plan(revision: Revision, request: CanonicalRequest) -> WirePlan:
    """The request of a task. Raises InvalidParams."""
    make = _MAKERS.get((str(revision.spec["upstream"]["family"]), request.task))
    if make is None:
        raise InvalidParams(f"This model does not do {request.task}.", field="task")
    return make(revision, request)


def _picture(revision: Revision, request: CanonicalRequest) -> WirePlan:
    given = request.params
    _refuse(given, ("quality", "background", "style", "strength"))
    if request.inputs:
        raise InvalidParams("this model takes no pictures", field=request.inputs[0].role)
    size = asked.size(revision, given)
    payload = {"mode": "text-to-image", "aspect_ratio": size.ratio, **_words(given)}
    return _stability(revision, payload, given, notes=(*size.notes, *_resized(revision, size)))


def _variation(revision: Revision, request: CanonicalRequest) -> WirePlan:
    given = request.params
    _refuse(given, ("quality", "background", "style"))
    if not revision.spec["capabilities"].get("edits"):
        raise InvalidParams("this model takes no pictures", field="image")
    if [item.role for item in request.inputs] != ["input"]:
        raise InvalidParams("a variation is of one picture", field="image")
    payload = {
        "mode": "image-to-image", "image": slot(0), "strength": given.get("strength", _USUAL_STRENGTH),
        **_words(given),
    }  # fmt: skip
    # Its shape is the source's.
    wanted = f"{given['width']}x{given['height']}" if given.get("width") else ""
    notes = (Note("adjusted", "size", wanted, "as the source"),) if wanted else ()
    files = (FilePart("image", request.inputs[0]),)
    return _stability(revision, payload, given, notes=notes, files=files)


def _words(given: Mapping[str, Any]) -> dict[str, Any]:
    names = ("prompt", "negative_prompt", "seed")
    return {name: given[name] for name in names if given.get(name) not in (None, "")}


def _stability(
    revision: Revision,
    payload: dict[str, Any],
    given: Mapping[str, Any],
    *,
    notes: tuple[Note, ...],
    files: tuple[FilePart, ...] = (),
) -> WirePlan:
    form = str(given.get("format", "png"))
    about = {"family": "stability", "media_type": _IMAGE_TYPES[form]}
    return WirePlan({**payload, "output_format": form}, _path(revision), files=files, notes=notes, about=about)


def _resized(revision: Revision, size: asked.Size) -> tuple[Note, ...]:
    """Pixels cannot be asked for; of the square alone it is known how many come."""
    square = revision.spec["capabilities"]["sizes"].get("square")
    if size.notes or (size.ratio == "1:1" and size.width == size.height == square):
        return ()
    return (Note("adjusted", "size", f"{size.width}x{size.height}", size.ratio),)


def _text(revision: Revision, request: CanonicalRequest) -> WirePlan:
    given = request.params
    system, talk = _parted(given["messages"])
    chosen = {"maxTokens": given.get("max_tokens"), "temperature": given.get("temperature")}
    config = {name: value for name, value in chosen.items() if value is not None}
    payload = {
        "messages": [{"role": item["role"], "content": [{"text": item["content"]}]} for item in talk],
        **({"system": [{"text": item["content"]} for item in system]} if system else {}),
        **({"inferenceConfig": config} if config else {}),
    }  # fmt: skip
    return WirePlan(payload, _path(revision), about={"family": "nova", "media_type": "text/plain"})


def _parted(messages: Sequence[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """What is said to the model beforehand, and the talk. Raises InvalidParams for one that the wire has not."""
    begins = next((place for place, item in enumerate(messages) if item["role"] != "system"), len(messages))
    system, talk = list(messages[:begins]), list(messages[begins:])
    if any(item["role"] == "system" for item in talk):
        raise InvalidParams("system messages come before the others", field="messages")
    turns = [item["role"] for item in talk]
    if not talk or turns[-1] != "user" or turns != (["user", "assistant"] * len(talk))[: len(talk)]:
        raise InvalidParams("user and assistant take turns, and the user begins and ends", field="messages")
    return system, talk


def _path(revision: Revision) -> str:
    return f"/model/{quote(str(revision.spec['upstream']['model']), safe=':')}/invoke"


def _refuse(given: Mapping[str, Any], names: Sequence[str]) -> None:
    said = {name: given.get(name) for name in names}
    asked.refuse(
        {name: value for name, value in said.items() if value != "auto"}, names, why="this model does not take it"
    )


_MAKERS: Mapping[tuple[str, str], Callable[[Revision, CanonicalRequest], WirePlan]] = {
    ("stability", "image"): _picture, ("stability", "image_variation"): _variation, ("nova", "text"): _text,
}  # fmt: skip
