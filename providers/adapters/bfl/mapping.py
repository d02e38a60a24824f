"""Our terms in Black Forest Labs' words: /v1 as of November 2026."""

from collections.abc import Mapping
from typing import Any

from providers import params as asked
from providers.contracts import CanonicalRequest, FilePart, Revision, WirePlan
from providers.errors import InvalidParams

_TYPES = {"png": "image/png", "jpeg": "image/jpeg"}


def plan(revision: Revision, request: CanonicalRequest) -> WirePlan:
    """The request of a task: one address makes and changes pictures. Raises InvalidParams."""
    if request.task not in {"image", "image_edit"}:
        raise InvalidParams(f"This provider does not do {request.task}.", field="task")
    given = request.params
    asked.refuse(given, ("negative_prompt", "strength"), why="this model does not take it")
    if given.get("style") not in (None, "", "auto"):
        raise InvalidParams("this model has no styles: say it in the prompt", field="style")
    size = asked.size(revision, given)
    form = str(given.get("format", "png"))
    payload = {
        "prompt": given["prompt"], "width": size.width, "height": size.height, "output_format": form,
        **({"seed": given["seed"]} if given.get("seed") is not None else {}),
    }  # fmt: skip
    about = {"media_type": _TYPES[form]}
    path = f"/{revision.spec['upstream']['model']}"
    return WirePlan(payload, path, files=_pictures(revision.spec, request), notes=size.notes, about=about)


def _pictures(spec: Mapping[str, Any], request: CanonicalRequest) -> tuple[FilePart, ...]:
    """The pictures put in, in their order: input_image, input_image_2, …"""
    if request.task == "image" and request.inputs:
        raise InvalidParams("a picture put in is for an edit", field="operation")
    if request.task == "image_edit" and not request.inputs:
        raise InvalidParams("an edit needs a picture", field="image")
    if wrong := [item for item in request.inputs if item.role not in {"input", "reference"}]:
        raise InvalidParams("this model takes no such file: say it in the prompt", field=str(wrong[0].role))
    most = int(spec["capabilities"].get("edits", {}).get("references", 0))
    if len(request.inputs) > most:
        raise InvalidParams(f"at most {most} pictures", field="image")
    names = ("input_image", *(f"input_image_{number}" for number in range(2, most + 1)))
    return tuple(FilePart(name, item) for name, item in zip(names, request.inputs, strict=False))
