"""A workflow with a request's settings at their places. The workflow is the operator's, in ComfyUI's API format; the
catalogue says where our settings go: `upstream: {workflow: {...}, places: {prompt: "6.text", image: "10.image"}}`.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from providers import params as asked
from providers.contracts import CanonicalRequest, FilePart, Note, Revision, WirePlan
from providers.errors import InvalidParams

_TASKS = {
    "image", "image_edit", "image_variation", "upscale", "cutout", "video", "music", "song", "speech", "sound_effect",
}  # fmt: skip
# What plans carry for ourselves.
_OURS = {"n", "index", "of", "recall", "operation", "aspect_ratio", "width", "height"}
_INPUTS = {
    "input": "image", "mask": "mask", "reference": "reference", "audio": "audio", "first_frame": "first_frame",
    "last_frame": "last_frame",
}  # fmt: skip

Graph = dict[str, dict[str, Any]]
# A setting, the node that takes it and the name of its input.
Place = tuple[str, str, str]


def plan(revision: Revision, request: CanonicalRequest) -> WirePlan:
    """A request's workflow, but for its files and its name, which only a submission knows. Raises InvalidParams."""
    if request.task not in _TASKS:
        raise InvalidParams(f"This provider does not do {request.task}.", field="task")
    places = _places(revision.spec["upstream"].get("places", {}))
    graph: Graph = copy.deepcopy(dict(revision.spec["upstream"]["workflow"]))
    sized, notes = _size(revision, request.params, {setting for setting, _, _ in places})
    chosen = {name: request.params.get(name) for name in request.params if name not in _OURS}
    for setting, value in {**chosen, **sized}.items():
        # What is not asked for stays as the workflow has it.
        if value is None or (setting == "style" and value == "auto"):
            continue
        if not put(graph, places, setting, value):
            raise InvalidParams("this workflow has no place for it", field=setting)
    files = _files(request, {setting for setting, _, _ in places})
    return WirePlan({"prompt": graph}, "/prompt", files=files, notes=notes, about={"places": places})


def put(graph: Graph, places: Sequence[Place], setting: str, value: Any) -> bool:
    """Puts a value wherever the workflow takes this setting; says whether it takes it at all."""
    found = [(node, name) for known, node, name in places if known == setting and node in graph]
    for node, name in found:
        graph[node]["inputs"][name] = value
    return bool(found)


def named(graph: Graph, token: str) -> None:
    """Gives what the workflow saves the attempt's name: so that it can be told from everything else on the server, and
    because a workflow that was carried out before is not carried out again unless something in it is new."""
    for node in graph.values():
        if "filename_prefix" in node.get("inputs", {}):
            node["inputs"]["filename_prefix"] = f"wildmind/{token}"


def blamed(node_errors: Any, places: Sequence[Place]) -> str:
    """The setting that a server found fault with, in our words; empty when it is the workflow's own fault."""
    at = {(node, name): setting for setting, node, name in places}
    for node, found in node_errors.items() if isinstance(node_errors, dict) else ():
        errors = found.get("errors") if isinstance(found, dict) else None
        for error in errors if isinstance(errors, list) else ():
            about = error.get("extra_info") if isinstance(error, dict) else None
            if isinstance(about, dict) and (setting := at.get((str(node), str(about.get("input_name"))))):
                return setting
    return ""


def _places(written: Mapping[str, Any]) -> list[Place]:
    found = []
    for setting, where in written.items():
        for one in [where] if isinstance(where, str) else where:
            node, _, name = str(one).partition(".")
            found.append((setting, node, name))
    return found


def _size(revision: Revision, given: Mapping[str, Any], known: set[str]) -> tuple[dict[str, int], tuple[Note, ...]]:
    """Width and height as the model takes them. A workflow without a place for them makes its own size, which is no
    fault as long as nobody can ask for another."""
    takes = {"width", "height", "aspect_ratio"} & set(revision.spec["input"]["properties"])
    if given.get("width") is None or given.get("height") is None:
        return {}, ()
    if not {"width", "height"} <= known:
        if takes:
            raise InvalidParams("this workflow has no place for it", field="width")
        return {}, ()
    size = asked.size(revision, given)
    return {"width": size.width, "height": size.height}, size.notes


def _files(request: CanonicalRequest, known: set[str]) -> tuple[FilePart, ...]:
    files = tuple(FilePart(_INPUTS[item.role], item) for item in request.inputs)
    for part in files:
        if part.field not in known:
            raise InvalidParams("this workflow takes no such file", field=part.field)
    for setting in set(_INPUTS.values()) & known:
        if setting not in {part.field for part in files}:
            raise InvalidParams("this workflow needs one", field=setting)
    return files
