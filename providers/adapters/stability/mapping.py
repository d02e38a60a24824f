"""Our terms in Stability's words: /v2beta as of November 2026. Every request is a form, with or without files."""

from collections.abc import Callable, Mapping
from typing import Any

from providers import params as asked
from providers.contracts import CanonicalRequest, FilePart, Note, Revision, Role, WirePlan
from providers.errors import InvalidParams

_IMAGE_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
_AUDIO_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav"}
_JSON = {"Accept": "application/json"}
# Nought draws a seed there, and the largest of ours is one beyond theirs.
_LEAST_SEED, _MOST_SEED = 1, 4_294_967_294
# How far a picture may go from the one put in, where nobody says; the provider wants a number.
_STRENGTH = 0.65
_UNASKED = (None, "", "auto")
_MASKED = ("inpaint", "erase")
_FIELD_OF = {"mask": "mask", "audio": "audio"}
_EDGES = ("left", "right", "up", "down")
# What else an edit takes beside the picture and the output's format.
_EDITS: Mapping[str, tuple[str, ...]] = {
    "inpaint": ("prompt", "negative_prompt", "style", "seed"),
    "erase": ("seed",),
    "outpaint": ("prompt", *_EDGES, "style", "seed"),
    "search_and_replace": ("prompt", "search_prompt", "negative_prompt", "style", "seed"),
}
_UPSCALES: Mapping[str, tuple[str, ...]] = {
    "fast": (),
    "conservative": ("prompt", "negative_prompt", "seed"),
    "creative": ("prompt", "negative_prompt", "seed"),
}  # fmt: skip
_NEEDED = {
    "inpaint": ("prompt",), "search_and_replace": ("prompt", "search_prompt"), "conservative": ("prompt",),
    "creative": ("prompt",),
}  # fmt: skip


def plan(revision: Revision, request: CanonicalRequest) -> WirePlan:
    """The request of a task. Raises InvalidParams."""
    make = _TASKS.get(request.task)
    if make is None:
        raise InvalidParams(f"This provider does not do {request.task}.", field="task")
    return make(revision, request)


def _image(revision: Revision, request: CanonicalRequest) -> WirePlan:
    given, upstream = request.params, revision.spec["upstream"]
    if request.inputs:
        raise InvalidParams("a picture put in is for an edit", field="operation")
    asked.refuse(given, ("strength",), why="it says how far to go from a picture put in, and there is none")
    if "generate" not in upstream:
        raise InvalidParams("this model changes pictures; it makes none from words", field="operation")
    size = asked.size(revision, given)
    fields, notes = _fields(given, ("prompt", "negative_prompt", "style", "seed"))
    shape = {"aspect_ratio": size.ratio, **_of_model(upstream)}
    return _planned(f"generate/{upstream['generate']}", {**fields, **shape}, given, notes=(*size.notes, *notes))


def _edit(revision: Revision, request: CanonicalRequest) -> WirePlan:
    kind = str(revision.spec["upstream"].get("edit", ""))
    if kind == "redraw":
        return _redraw(revision, request)
    if kind == "relight":
        return _relight(request)
    if kind != "masked":
        raise InvalidParams("this model makes pictures from words alone", field="operation")
    return _masked(request)


def _redraw(revision: Revision, request: CanonicalRequest) -> WirePlan:
    """Another picture from words and a picture, in the shape of that picture."""
    given, upstream = request.params, revision.spec["upstream"]
    fields, notes = _fields(given, ("prompt", "negative_prompt", "style", "seed"))
    fields["strength"] = given.get("strength") if given.get("strength") is not None else _STRENGTH
    if upstream["generate"] == "sd3":
        fields["mode"] = "image-to-image"
    if "width" in given:
        shape = f"{given['width']}x{given['height']}"
        notes = (*notes, Note("adjusted", "size", shape, "the shape of the picture put in"))
    files = _files(request, {"input": "image"})
    return _planned(f"generate/{upstream['generate']}", {**fields, **_of_model(upstream)}, given, files, notes=notes)


def _masked(request: CanonicalRequest) -> WirePlan:
    given = request.params
    kind = str(given.get("edit", "inpaint"))
    if kind not in _EDITS:
        raise InvalidParams(f"there are: {', '.join(_EDITS)}", field="edit")
    taken = _EDITS[kind]
    _refuse_others(given, taken, why=f"{kind} does not take it")
    if kind == "outpaint" and not any(given.get(edge) for edge in _EDGES):
        raise InvalidParams("say by how many pixels at least one edge moves", field="left")
    fields, notes = _fields(given, taken)
    # White is what is to change, as with us: the mask goes as it is.
    files = _files(request, {"input": "image", "mask": "mask"} if kind in _MASKED else {"input": "image"})
    if kind in _MASKED and len(files) < 2:
        raise InvalidParams("a mask says where: white is what changes", field="mask")
    for name in _NEEDED.get(kind, ()):
        _need(given, name)
    return _planned(f"edit/{kind.replace('_', '-')}", fields, given, files, notes=notes)


def _relight(request: CanonicalRequest) -> WirePlan:
    given = request.params
    _need(given, "prompt")
    names = {
        "prompt": "background_prompt", "foreground_prompt": "foreground_prompt", "negative_prompt": "negative_prompt",
        "light_direction": "light_source_direction", "light_strength": "light_source_strength",
    }  # fmt: skip
    if given.get("light_strength") is not None and not given.get("light_direction"):
        raise InvalidParams("a light has a direction first", field="light_strength")
    fields = {theirs: given[ours] for ours, theirs in names.items() if given.get(ours) not in (None, "")}
    seed, notes = _seed(given)
    files = _files(request, {"input": "subject_image", "reference": "background_reference"})
    path = "edit/replace-background-and-relight"
    return _planned(path, {**fields, **seed}, given, files, notes=notes, later=True)


def _upscale(revision: Revision, request: CanonicalRequest) -> WirePlan:
    given = request.params
    if "upscale" not in revision.spec["upstream"]:
        raise InvalidParams("this model does not enlarge pictures", field="operation")
    kind = str(given.get("quality", "fast"))
    if kind not in _UPSCALES:
        raise InvalidParams(f"there are: {', '.join(_UPSCALES)}", field="quality")
    _refuse_others(given, _UPSCALES[kind], why=f"{kind} does not take it")
    for name in _NEEDED.get(kind, ()):
        _need(given, name)
    fields, notes = _fields(given, _UPSCALES[kind])
    files = _files(request, {"input": "image"})
    return _planned(f"upscale/{kind}", fields, given, files, notes=notes, later=kind == "creative")


def _cutout(revision: Revision, request: CanonicalRequest) -> WirePlan:
    given = request.params
    if revision.spec["upstream"].get("edit") != "masked":
        raise InvalidParams("this model does not cut out", field="operation")
    asked.refuse(given, ("edit",), why="cutting out is an operation of its own")
    _refuse_others(given, (), why="cutting out does not take it")
    if given.get("format") == "jpeg":
        raise InvalidParams("a JPEG has no transparency", field="format")
    return _planned("edit/remove-background", {}, given, _files(request, {"input": "image"}))


def _music(revision: Revision, request: CanonicalRequest) -> WirePlan:
    given = request.params
    asked.refuse(given, ("lyrics",), why="this model does not sing")
    if given.get("instrumental") is False:
        raise InvalidParams("this model does not sing", field="instrumental")
    form = str(given.get("format", "mp3"))
    seed, notes = _seed(given)
    fields = {
        "prompt": given["prompt"], "model": revision.spec["upstream"]["model"], "output_format": form,
        **({"duration": given["duration_s"]} if given.get("duration_s") is not None else {}), **seed,
    }  # fmt: skip
    sources = _files(request, {"audio": "audio"}, least="audio") if request.inputs else ()
    if sources and given.get("strength") is not None:
        fields["strength"] = given["strength"]
    elif given.get("strength") is not None:
        raise InvalidParams("it says how far to go from a piece put in, and there is none", field="strength")
    path = f"/v2beta/audio/stable-audio-2/{'audio' if sources else 'text'}-to-audio"
    about = {"key": "audio", "media_type": _AUDIO_TYPES[form], "later": False}
    return WirePlan(
        fields, path, encoding="multipart", headers=_JSON, files=sources, notes=notes, about=about
    )  # fmt: skip


def _planned(
    path: str,
    fields: Mapping[str, Any],
    given: Mapping[str, Any],
    files: tuple[FilePart, ...] = (),
    *,
    notes: tuple[Note, ...] = (),
    later: bool = False,
) -> WirePlan:
    form = str(given.get("format", "png"))
    about = {"key": "image", "media_type": _IMAGE_TYPES[form], "later": later}
    return WirePlan(
        {**fields, "output_format": form}, f"/v2beta/stable-image/{path}", encoding="multipart", headers=_JSON,
        files=files, notes=notes, about=about,
    )  # fmt: skip


def _fields(given: Mapping[str, Any], taken: tuple[str, ...]) -> tuple[dict[str, Any], tuple[Note, ...]]:
    """What of these was asked for, under their names. A style of `auto` is none."""
    found = {
        "style_preset" if name == "style" else name: given[name]
        for name in taken
        if name != "seed" and given.get(name) not in _UNASKED
    }
    if "seed" not in taken:
        return found, ()
    seed, notes = _seed(given)
    return {**found, **seed}, notes


def _seed(given: Mapping[str, Any]) -> tuple[dict[str, int], tuple[Note, ...]]:
    if given.get("seed") is None:
        return {}, ()
    wanted = int(given["seed"])
    used = min(max(wanted, _LEAST_SEED), _MOST_SEED)
    return {"seed": used}, () if used == wanted else (Note("adjusted", "seed", wanted, used),)


def _of_model(upstream: Mapping[str, Any]) -> dict[str, Any]:
    return {"model": upstream["model"]} if "model" in upstream else {}


def _refuse_others(given: Mapping[str, Any], taken: tuple[str, ...], *, why: str) -> None:
    """Raises InvalidParams for what is asked for and not among these. An edge that stays is not asked for."""
    for name in ("prompt", "search_prompt", "negative_prompt", *_EDGES, "style", "seed"):
        if name not in taken and given.get(name) not in ((None, "", "auto", 0) if name in _EDGES else _UNASKED):
            raise InvalidParams(why, field=name)


def _need(given: Mapping[str, Any], name: str) -> None:
    if not given.get(name):
        raise InvalidParams("this needs words", field=name)


def _files(request: CanonicalRequest, fields: Mapping[Role, str], *, least: Role = "input") -> tuple[FilePart, ...]:
    """The files under their fields' names, one for each role at most; `least` must be there. Raises InvalidParams."""
    found: dict[str, FilePart] = {}
    for item in request.inputs:
        if item.role not in fields or item.role in found:
            raise InvalidParams(f"there is no place for this {item.role}", field=_FIELD_OF.get(item.role, "image"))
        found[item.role] = FilePart(fields[item.role], item)
    if least not in found:
        raise InvalidParams("this needs a picture", field="image")
    return tuple(found.values())


_TASKS: Mapping[str, Callable[[Revision, CanonicalRequest], WirePlan]] = {
    "image": _image, "image_edit": _edit, "upscale": _upscale, "cutout": _cutout, "music": _music,
}  # fmt: skip
