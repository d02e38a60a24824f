"""Requests of models that each have words of their own. A catalogue file says how ours are called there, so that
another model of such a provider is a file and no code.

`upstream.tasks` has an entry for each task:
- `names`: ours: theirs. `values`: ours: {our value: theirs}, all that there are.
- `fixed`: sent as it stands, unless chosen otherwise.
- `size`: `{width, height}`, `{ratio}`, `{pixels}` (as `1280:720`) or `{object}` (with a width and a height), each with
  their name.
- `files`: our role: their name, `name[]` for a list, `name[].uri` for a list of objects. `needs`: roles that must be
  there. `with_files`: what is otherwise in this entry when there is a file.
- `media_type`: of what comes, where no format is chosen.
"""

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from providers import params
from providers.contracts import CanonicalRequest, Ctx, FilePart, Media, Note, Revision
from providers.errors import InvalidParams

_TYPES = {
    "png": "image/png", "jpeg": "image/jpeg", "jpg": "image/jpeg", "webp": "image/webp", "mp4": "video/mp4",
    "mp3": "audio/mpeg", "wav": "audio/wav", "flac": "audio/flac",
}  # fmt: skip
# The planner's own, which no model is asked for.
_OURS = {"n", "operation", "index", "of", "recall"}
_SIZE = {"width", "height"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request in a model's words, but for its files. `task` is its entry in the catalogue."""

    task: Mapping[str, Any]
    payload: Mapping[str, Any]
    files: tuple[FilePart, ...]
    notes: tuple[Note, ...]
    media_type: str


def asked(revision: Revision, request: CanonicalRequest) -> Asked:
    """The request in the model's words. Raises InvalidParams for whatever it has no word for."""
    task = revision.spec["upstream"]["tasks"].get(request.task)
    if task is None or not _knows(revision, request.task):
        raise InvalidParams(f"This model does not do {request.task}.", field="task")
    if request.inputs:
        task = {**task, **task.get("with_files", {})}
    shape, notes, sized = _shape(revision, request.params, task)
    chosen, more = _chosen(revision, request.params, task, skipped=sized)
    payload = {**task.get("fixed", {}), **shape, **chosen}
    return Asked(task, payload, _files(request, task), (*notes, *more), _media_type(task, payload))


async def with_files(
    ctx: Ctx, payload: Mapping[str, Any], files: tuple[FilePart, ...], put: Callable[[Media], Awaitable[str]]
) -> dict[str, Any]:
    """The payload with an address for each file, as `put` gives it."""
    whole = dict(payload)
    for part in files:
        name, of_list, key = part.field.partition("[]")
        address: Any = await put(part.media)
        if key:
            address = {key.removeprefix("."): address}
        whole[name] = [*whole.get(name, ()), address] if of_list else address
    return whole


def data_uri(media: Media, content: bytes) -> str:
    return f"data:{media.media_type};base64,{base64.b64encode(content).decode()}"


def _knows(revision: Revision, task: str) -> bool:
    """The catalogue's own task, or one that is done to a picture by the same model."""
    return task == revision.spec["task"] or (revision.spec["task"] == "image" and task == "image_edit")


def _shape(
    revision: Revision, given: Mapping[str, Any], task: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[Note, ...], set[str]]:
    rule = task.get("size")
    if rule is None or given.get("width") is None:
        return {}, (), set()
    size = params.size(revision, given)
    if "ratio" in rule:
        return {rule["ratio"]: size.ratio}, size.notes, _SIZE
    if "pixels" in rule:
        return {rule["pixels"]: f"{size.width}:{size.height}"}, size.notes, _SIZE
    if "object" in rule:
        return {rule["object"]: {"width": size.width, "height": size.height}}, size.notes, _SIZE
    return {rule["width"]: size.width, rule["height"]: size.height}, size.notes, _SIZE


def _chosen(
    revision: Revision, given: Mapping[str, Any], task: Mapping[str, Any], *, skipped: set[str]
) -> tuple[dict[str, Any], tuple[Note, ...]]:
    names, found, notes = task["names"], {}, list[Note]()
    for name in sorted(set(given) - _OURS - skipped):
        value = given.get(name)
        # `auto` is the model's own choice.
        if value in (None, "", "auto"):
            continue
        if name not in names:
            raise InvalidParams("this model does not take it", field=name)
        if name == "duration_s" and (lengths := revision.spec["capabilities"].get("durations")):
            length, more = params.rounded_up(value, lengths, field=name)
            value, notes = int(length), [*notes, *more]
        words = task.get("values", {}).get(name)
        if words is not None and str(value) not in words:
            raise InvalidParams(f"there are: {', '.join(words)}", field=name)
        found[names[name]] = value if words is None else words[str(value)]
    return found, tuple(notes)


def _files(request: CanonicalRequest, task: Mapping[str, Any]) -> tuple[FilePart, ...]:
    taken, found = task.get("files", {}), list[FilePart]()
    for media in request.inputs:
        name = taken.get(media.role)
        if name is None:
            raise InvalidParams(f"this model takes no {media.role.replace('_', ' ')}", field=media.role)
        if "[]" not in name and any(part.field == name for part in found):
            raise InvalidParams("this model takes one such file", field=media.role)
        found.append(FilePart(name, media))
    there = {part.media.role for part in found}
    for role in task.get("needs", ()):
        if role not in there:
            raise InvalidParams(f"this needs a file: {role.replace('_', ' ')}", field=role)
    return tuple(found)


def _media_type(task: Mapping[str, Any], payload: Mapping[str, Any]) -> str:
    form = payload.get(task["names"].get("format", ""))
    return _TYPES.get(str(form), str(task.get("media_type", "")))
